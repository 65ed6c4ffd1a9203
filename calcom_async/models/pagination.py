"""Pagination metadata in the lists of bookings and managed organizations."""

from calcom_async.models._base import Model


class Pagination(Model, frozen=True, kw_only=True, gc=False):
    """Position of a page, computed by the server from take, skip and a count, not from the rows.

    `total_items` ignores the filters on creation and update times, so `has_next_page` may be true on an empty page.
    """

    returned_items: int
    total_items: int
    items_per_page: int
    remaining_items: int
    current_page: int  # at least 1 in the specification, and 0 on servers
    """From 1; 0 if there are no pages, and the last page for any position beyond it."""
    total_pages: int
    has_next_page: bool
    has_previous_page: bool
