"""Links that add a booking to a calendar."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from calcom_async.sandbox.state.booking import Booking
from calcom_async.sandbox.state.clock import iso_seconds

ICS_LINES = (
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "CALSCALE:GREGORIAN",
    "METHOD:PUBLISH",
    "BEGIN:VEVENT",
    "UID:{uid}",
    "SUMMARY:{title}",
    "DTSTAMP:{created}",
    "DTSTART:{start}",
    "LOCATION:{location}",
    "DURATION:PT{minutes}M",
    "END:VEVENT",
    "END:VCALENDAR",
    "",
)


def calendar_links(booking: Booking) -> list[dict[str, str]]:
    """Return links for Google, Outlook and Office 365, and a data: link.

    The title in the Outlook link is encoded twice, as recorded on a self-hosted build.
    """
    # The title is not quoted in the first two links, though it may contain any character.
    place = quote(booking.location or "", safe="")
    times = f"{_compact(booking.start)}/{_compact(booking.end)}"
    begin, end = iso_seconds(booking.start), iso_seconds(booking.end)
    return [
        {
            "label": "Google Calendar",
            "id": "googleCalendar",
            "link": f"https://calendar.google.com/calendar/r/eventedit?dates={times}&text={booking.title}&details="
            f"&location={place}",
        },
        {
            "label": "Microsoft Office",
            "id": "microsoftOffice",
            "link": f"https://outlook.office.com/calendar/0/deeplink/compose?body=&enddt={end}"
            f"&path=%2Fcalendar%2Faction%2Fcompose&rru=addevent&startdt={begin}&subject={booking.title}&location={place}",
        },
        {
            "label": "Microsoft Outlook",
            "id": "microsoftOutlook",
            "link": f"https://outlook.live.com/calendar/0/deeplink/compose?body=&enddt={end}"
            f"&path=%252Fcalendar%252Faction%252Fcompose&rru=addevent&startdt={begin}&subject={quote(booking.title)}"
            f"&location={place}",
        },
        {"label": "ICS", "id": "ics", "link": f"data:text/calendar,{quote(_ics(booking), safe='')}"},
    ]


def _ics(booking: Booking) -> str:
    """Return the iCalendar file of a booking."""
    return "\r\n".join(ICS_LINES).format(
        uid=booking.uid,
        title=booking.title,
        created=_compact(booking.created_at),
        start=_compact(booking.start),
        location=booking.location or "",
        minutes=int((booking.end - booking.start).total_seconds() // 60),
    )


def _compact(moment: datetime) -> str:
    """Return a time in the basic format of ISO 8601."""
    return moment.strftime("%Y%m%dT%H%M%SZ")
