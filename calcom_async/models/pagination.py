"""The page metadata that bookings lists and managed organisations carry."""

from calcom_async.models._base import Model


class Pagination(Model, frozen=True, kw_only=True, gc=False):
    """Where a page stands in its list; computed by the server from take, skip and a count, not from the rows.

    `total_items` ignores the filters on creation and update time, so `has_next_page` may be true on an empty page.
    """

    returned_items: int
    total_items: int
    items_per_page: int
    remaining_items: int
    current_page: int
    """From 1; 0 when there are no pages, and the last page when asked beyond it."""
    total_pages: int
    has_next_page: bool
    has_previous_page: bool
