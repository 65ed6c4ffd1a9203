"""Text that other people wrote: attendees write the titles and answers of bookings, and a model may read it as orders.

Such text is in a member named `untrusted`, without control characters, and of limited length.
"""

from __future__ import annotations

from typing import overload

from calcom_async.errors import printable

MAX_TEXT = 300


@overload
def clean(text: str, limit: int = MAX_TEXT) -> str: ...
@overload
def clean(text: str | None, limit: int = MAX_TEXT) -> str | None: ...
def clean(text: str | None, limit: int = MAX_TEXT) -> str | None:
    """Return a text without control characters, on one line and shortened."""
    return printable(text, limit) if text else text
