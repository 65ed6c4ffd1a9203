"""The declared data of a sandbox: users, teams, schedules, event types and bookings in one document.

```python
from datetime import UTC, datetime
from calcom_async.sandbox import Sandbox
from calcom_async.sandbox.world import Attendee, Booking, EventType, User, World

world = World(
    users=[User(username="ana", time_zone="Europe/Rome")],
    event_types=[EventType(slug="intro", owner="ana", length_in_minutes=30)],
    bookings=[
        Booking(
            event_type="ana/intro",
            start=datetime(2026, 11, 2, 9, tzinfo=UTC),
            attendees=[Attendee(name="Ada", email="ada@example.com")],
        )
    ],
)
with Sandbox(world=world) as sandbox:
    print(sandbox.url)
```

In JSON and YAML the names are in camelCase, as in the API:

    users:
      - username: ana
        timeZone: Europe/Rome
    eventTypes:
      - {slug: intro, owner: ana, lengthInMinutes: 30}
    bookings:
      - eventType: ana/intro
        start: 2026-11-02T09:00:00Z
        attendees: [{name: Ada, email: ada@example.com}]

The rows refer to each other by name: users by username, teams by slug, and event types by `OWNER/SLUG`, where the owner
is a user or a team. Ids count from 1 in the order of the document.

`documents` has the rows, `reading` reads them from JSON and YAML, and `loading` puts them into a store.
"""

from calcom_async.sandbox.world.documents import (
    Attendee,
    Booking,
    BusyTime,
    EventType,
    Host,
    Hours,
    Member,
    Organization,
    Override,
    Schedule,
    Team,
    User,
    World,
)
from calcom_async.sandbox.world.loading import WorldError
from calcom_async.sandbox.world.reading import read_world

__all__ = [
    "Attendee",
    "Booking",
    "BusyTime",
    "EventType",
    "Host",
    "Hours",
    "Member",
    "Organization",
    "Override",
    "Schedule",
    "Team",
    "User",
    "World",
    "WorldError",
    "read_world",
]
