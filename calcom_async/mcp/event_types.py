"""The parameter `event_type`: an id, `username/slug`, or a booking link."""

from __future__ import annotations

import re
from typing import Annotated, Any

from msgspec import Meta

from calcom_async.booking_links import looks_like_link, parse_booking_link
from calcom_async.client import Calcom
from calcom_async.errors import InvalidRequestError, printable

EventType = Annotated[
    int | str, Meta(description="Id, username/slug, or booking link of the event type", examples=[1, "ana/thirty"])
]

ID = re.compile(r"[1-9][0-9]{0,17}")


def event_type_keywords(cal: Calcom, event_type: int | str) -> dict[str, Any]:
    """Return the keywords of `slots.search` that select an event type, with the `duration` that a link may have."""
    text = str(event_type)
    if ID.fullmatch(text):
        return {"event_type_id": int(text)}
    is_link, home = looks_like_link(text), cal.config.booking_url
    parts = text.strip("/").split("/")
    if not is_link and len(parts) not in {2, 3}:
        raise InvalidRequestError(
            "event_type must be an id such as 1, username/slug such as ana/thirty, team/team-slug/slug, or a booking "
            f"link, got {printable(text, 60)!r}"
        )
    target = parse_booking_link(text if is_link else f"{home.rstrip('/')}/{text.strip('/')}", home)
    if target.private_link_id is not None:
        raise InvalidRequestError("Cal.com's API cannot open a private link. Pass the id of its event type")
    return target.search_keywords
