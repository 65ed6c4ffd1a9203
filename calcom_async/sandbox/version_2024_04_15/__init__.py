"""The handlers of version 2024-04-15, which also serve requests without `cal-api-version` and with an unknown one.

They share all records and rules with the handlers of later versions: only requests and responses differ. Where it was
measured, earlier versions than the newest one of an area (2024-06-11 for event types, for instance) end here too.

Sources: the two self-hosted builds for which versions exist, for schedules, and for the statuses and the outer shape of
the others. Fields that were not recorded come from the public source code of the server
(`apps/api/v2/src/**/*2024-04-15*` and `*2024_04_15*` of https://github.com/calcom/cal.com), because no specification
describes this version.
"""

from calcom_async.sandbox.version_2024_04_15 import bookings, event_types, schedules, slots

ROUTES = (*bookings.ROUTES, *event_types.ROUTES, *schedules.ROUTES, *slots.ROUTES)
