"""Where the client differs from the official specifications on purpose, and why."""

from __future__ import annotations

from typing import NamedTuple


class Explanation(NamedTuple):
    """Differences with one reason. `operations` and `names` are patterns, with `*` for any text."""

    sign: str
    """`+` only the specification has them, `-` only the client has them, `!` they differ."""
    operations: str
    part: str
    """"query", "body", "response" or "version"; empty for whole operations."""
    names: str
    """Field names, separated by blanks."""
    reason: str


SEEN = "servers return it, and the specification omits it"
ONE_MODEL = "one model for several schemas of the specification"
CREDENTIAL = "a column of the credential, which servers return"

EXCEPTIONS: tuple[Explanation, ...] = (
    Explanation("-", "GET /v2/slots", "query", "rrHostSubsetIds", "the server reads it"),
    Explanation("-", "GET *busy-times", "query", "calendarsToLoad*", "the server reads the pairs in this form only"),
    Explanation("+", "GET *busy-times", "query", "credentialId externalId", "the server ignores them"),
    Explanation(
        "+", "GET *busy-times", "query", "calendarsToLoad", "sent as calendarsToLoad[0][credentialId] and so on"
    ),
    Explanation("+", "GET *busy-times", "query", "loggedInUsersTz", "the deprecated name of timeZone"),
    Explanation("+", "GET *", "query", "cursor", "sent from the second page on"),
    Explanation("+", "GET *bookings", "query", "limit", "cursors are used only where the settings ask for them"),
    Explanation("-", "GET */event-types/*/history", "response", "auditLogs.impersonatedBy.type", ONE_MODEL),
    Explanation("-", "GET *routing-forms", "response", "updatedById", SEEN),
    Explanation("-", "GET *oauth/callback", "query", "error", "a provider sends it back if the user declines"),
    Explanation("-", "GET /v2/stripe/connect", "query", "*eturnTo", "taken as for teams, where they are specified"),
    Explanation("-", "* *event-types*", "body", "bookingFields.*", "one model for requests and responses"),
    Explanation("-", "* *event-types*", "body", "disableGuests", "versions of 2024 take it"),
    Explanation("-", "* *event-types*", "body", "calVideoSettings.*", "one model for requests and responses"),
    Explanation("-", "* *event-types*", "body", "locations.*", "one model for requests and responses"),
    Explanation("-", "* *teams*event-types*", "body", "hosts.*", "one model for requests and responses"),
    Explanation("-", "POST /v2/bookings", "body", "location.link", "one model for both ways to name a location"),
    Explanation("-", "PATCH */location", "body", "location.integration", "one model for both ways to name a location"),
    Explanation("-", "* *workflows*", "body", "activation.*", "one model for both kinds of workflows"),
    Explanation("-", "POST *workflows*", "body", "steps.id", "one model for new steps and kept ones"),
    Explanation("-", "POST /v2/teams", "body", "addCreatorAsOwner", "one model for all teams"),
    Explanation("-", "PATCH *organizations/{managed*", "body", "slug", "the server takes it"),
    Explanation("-", "PATCH *teams*private-links*", "body", "*", "specified without a body; the server needs one"),
    Explanation("-", "POST /v2/insights/*", "body", "sorting.*", "specified by an example only"),
    Explanation("+", "* *booking-fields*", "response", "bookingFields", "the methods return the list itself"),
    Explanation(
        "+",
        "GET *}/history",
        "response",
        "auditLogs eventTypeId userId membershipId hasMore nextCursor",
        "a list has the rows only",
    ),
    Explanation("+", "GET /v2/slots/reservations/{uid}", "response", "status data", "an envelope inside the envelope"),
    Explanation("+", "POST /v2/bookings/*/reassign*", "response", "status data", "an envelope inside the envelope"),
    # Fields of responses that were recorded or seen live, and that the specification omits.
    Explanation(
        "-", "* *bookings*", "response", "seatUid isPlatformManagedUserBooking attendees.id attendees.bookingId", SEEN
    ),
    Explanation("-", "* *bookings*attendees*", "response", "bookingFieldsResponses metadata bookingId createdAt", SEEN),
    Explanation("-", "* /v2/bookings/*/reassign*", "response", "bookingUid reassignedTo*", "in a second envelope"),
    Explanation("-", "GET *calendar-links", "response", "id", SEEN),
    Explanation("-", "* *event-types*", "response", "rrHostSubsetEnabled bookerActiveBookingsLimit.disabled", SEEN),
    Explanation("-", "* *event-types*", "response", "calVideoSettings.*", SEEN),
    Explanation(
        "-", "* *attributes*", "response", "createdAt updatedAt isWeightsEnabled isLocked isGroup contains", SEEN
    ),
    Explanation("-", "* *attributes*", "response", "createdBy* updatedBy*", SEEN),
    Explanation("-", "* *memberships*", "response", "createdAt updatedAt customRoleId", SEEN),
    Explanation("-", "* *calendar*", "response", "connectedCalendars.* destinationCalendar.* title", SEEN),
    Explanation("-", "* *calendar*", "response", "calendarEventOwner.responseStatus", SEEN),
    Explanation("-", "* *c*", "response", "appId teamId subscriptionId paymentStatus billingCycleStart", CREDENTIAL),
    Explanation("-", "* *c*", "response", "delegationCredentialId key", CREDENTIAL),
    Explanation(
        "-", "* /v2/slots/reservations/*", "response", "reservation* slot* eventTypeId", "in a second envelope"
    ),
    Explanation("-", "* /v2/me", "response", "bookingLimits*", "the guide of September 2026 shows it"),
    # One model for what the specification describes several times.
    Explanation("-", "* *webhooks*", "response", "appId platform createdAt userId teamId", ONE_MODEL),
    Explanation("-", "* *webhooks*", "response", "eventTypeId oAuthClientId time timeUnit version", ONE_MODEL),
    Explanation("-", "POST *mark-absent", "response", "attendees.*", ONE_MODEL),
    Explanation("-", "* *event-types*", "response", "bookingFields.*", "both versions in one model"),
    Explanation("-", "* /v2/event-types*", "response", "hosts* team* parentEventTypeId schedulingType", ONE_MODEL),
    Explanation("-", "* /v2/event-types*", "response", "allowRRHostChoice* rescheduleWithSame* assignAll*", ONE_MODEL),
    Explanation("-", "* *teams*event-types*", "response", "users*", ONE_MODEL),
    Explanation("-", "DELETE *teams*event-types*", "response", "lengthInMinutes slug", "both versions in one model"),
    Explanation("-", "* *teams*", "response", "role accepted pendingTeam.role pendingTeam.accepted", ONE_MODEL),
    Explanation("-", "POST */teams", "response", "message paymentLink pendingTeam*", ONE_MODEL),
    Explanation("-", "* *workflows*", "response", "activation.*", ONE_MODEL),
    Explanation("-", "* *roles*", "response", "organizationId teamId", ONE_MODEL),
    Explanation("-", "* *delegation-credentials*", "response", "secret.createdAt serviceAccountClientId", ONE_MODEL),
    Explanation("-", "* */organizations/{orgId}/organizations*", "response", "apiKey", ONE_MODEL),
    Explanation("-", "GET /v2/auth/oauth2/clients/*", "response", "redirect_uri", "the name of older servers"),
    Explanation("-", "GET *bookings", "query", "take skip", "cursors are used only where the settings ask for them"),
)

RETURNED_MEMBERS = {"* *booking-fields*": "bookingFields", "GET *}/history": "auditLogs"}
"""The member of `data` that the methods of an operation return, where it is not all of `data`."""
