"""Handlers of connected calendars and their busy times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

from calcom_async.sandbox.calendars.accounts import (
    APPLE,
    GOOGLE,
    ICS,
    OFFICE,
    account_of,
    connect,
    credential_view,
    destination,
    disconnect,
    provider,
)
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import (
    array,
    boolean,
    canonical_zone,
    check,
    date_string,
    each,
    integer,
    number,
    string,
)
from calcom_async.sandbox.http.forms import Field, Form, to_bool, to_int
from calcom_async.sandbox.http.results import RawResponse, Status
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.http.time_zones import parse_iso_time, zone_named
from calcom_async.sandbox.state.clock import iso
from calcom_async.sandbox.state.store import Store

ROUTES = Routes()


_OAUTH = (GOOGLE, OFFICE)


@ROUTES.add("GET", "/v2/calendars")
def list_calendars(call: Call) -> object:
    """List the connected accounts; reading them selects a destination calendar if none is set."""
    user_id = call.user["id"]
    accounts = call.store.calendars.get(user_id, [])
    return {
        "connectedCalendars": accounts,
        "destinationCalendar": destination(call.store, user_id, iso(call.clock.now())),
    }


# --- busy times -----------------------------------------------------------------------------------------------------

_BUSY = Form(
    Field("loggedInUsersTz", string, optional=True),
    Field("timeZone", string, optional=True),
    Field("dateFrom", date_string, string),
    Field("dateTo", date_string, string),
    Field(
        "calendarsToLoad",
        array,
        nested=Form(Field("credentialId", number, convert=to_int), Field("externalId", string)),
    ),
)


@ROUTES.add("GET", "/v2/calendars/busy-times")
def get_busy_times(call: Call) -> object:
    """Return the busy times in the requested calendars. Raises a 401 for a credential of somebody else."""
    query = _BUSY.read(call.fields)
    name = query.get("timeZone") or query.get("loggedInUsersTz")
    # Checked after the other parameters, because either of two names will do.
    if not name:
        raise errors.bad_request("Either timeZone or loggedInUsersTz must be provided")
    if (known := canonical_zone(name)) is None:
        raise errors.bad_request("timeZone must be a valid IANA time-zone")
    zone = zone_named(known)
    window = _moment(query["dateFrom"], zone), _moment(query["dateTo"], zone, last=True)
    wanted = query["calendarsToLoad"]
    for calendar in wanted:
        # This 401 is about the credential of the calendar, not about the API key.
        if account_of(call.store, call.user["id"], calendar["credentialId"]) is None:
            raise errors.unauthorized("These credentials do not belong to you")
    return [
        _busy(row, call) for row in call.store.busy if any(_is_in(row, calendar, window, call) for calendar in wanted)
    ]


def _moment(text: str, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """Parse the edge of a range; a bare date means its first moment, or as the end its last."""
    moment = parse_iso_time(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment + timedelta(days=1) if last and len(text) == 10 else moment


def _is_in(row: Mapping[str, Any], wanted: Mapping[str, Any], window: tuple[datetime, datetime], call: Call) -> bool:
    """Return whether a busy time matches. ICS feeds ignore the requested calendar and dates."""
    if row.get("user_id") != call.user["id"] or row.get("credential_id") != wanted["credentialId"]:
        return False
    # Recorded from a self-hosted server of 2026-07: a client has to filter the events of a feed itself.
    if _type(row, call) == ICS.type:
        return True
    return bool(row["calendar_id"] == wanted["externalId"] and row["start"] < window[1] and row["end"] > window[0])


def _type(row: Mapping[str, Any], call: Call) -> str:
    """Return the type of the calendar that a busy time is in."""
    account = account_of(call.store, row["user_id"], row["credential_id"])
    return str(account["integration"]["type"]) if account else ""


def _busy(row: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """Return a busy time as JSON."""
    account = account_of(call.store, row["user_id"], row["credential_id"])
    title = {"title": row["title"]} if row.get("title") else {}
    # Always in UTC; the time zone of the query only decides where a bare date begins.
    times = {edge: iso(row[edge].astimezone(UTC)) for edge in ("start", "end")}
    return {**times, **title, "source": account and account["integration"]["slug"]}


# --- connecting -----------------------------------------------------------------------------------------------------

_CONNECT = Form(Field("redir", string, optional=True), Field("isDryRun", boolean, optional=True, convert=to_bool))


@ROUTES.add("GET", "/v2/calendars/{calendar}/connect", kinds=("key", "token"))
def connect_calendar(call: Call) -> object:
    """Return the URL of the provider's consent page."""
    kind = provider(call.path["calendar"], _OAUTH)
    query = _CONNECT.read(call.fields)
    state = {
        # Like the real server, put the caller's credential into the state. Logging this URL leaks it.
        "accessToken": call.headers.get("Authorization", "").replace("Bearer ", ""),
        "origin": call.headers.get("Origin", ""),
        "redir": query.get("redir") or "",
        "isDryRun": str(query.get("isDryRun") or False).lower(),
    }
    parameters = {
        "response_type": "code",
        "client_id": "sandbox",
        "redirect_uri": _save_url(call),
        "state": urlencode(state),
    }
    return {"authUrl": f"{kind.authorize}?{urlencode(parameters)}"}


def _save_url(call: Call) -> str:
    """Return the URL to which the provider redirects."""
    return f"{call.base_url}/calendars/{call.path['calendar']}/save"


@ROUTES.add("GET", "/v2/calendars/{calendar}/save", auth="public")
def save_calendar(call: Call) -> object:
    """Connect the account of the owner in the state, if the provider returned a code."""
    kind = provider(call.path["calendar"], _OAUTH)
    for name in ("state", "code"):
        if not call.param(name):
            raise errors.bad_request(f"Missing `{name}` query param")
    state = {name: values[-1] for name, values in parse_qs(call.param("state") or "").items()}
    user_id = _bearer(call, state.get("accessToken", ""))
    if state.get("isDryRun") != "true":
        connect(call.store, user_id, kind, [call.store.users[user_id]["email"]], read_only=False)
    return RawResponse(None, 301, {"Location": state.get("redir") or state.get("origin") or ""})


def _bearer(call: Call, token: str) -> int:
    """Return the user of the credential in a state."""
    if token in call.store.api_keys:
        return call.store.api_keys[token]
    known = call.store.access_tokens.get(token)
    if known is None or known["expires"] <= call.clock.now():
        raise errors.unauthorized("Invalid Access Token.")
    user_id: int = known["user_id"]
    return user_id


_CREDENTIALS = Form(Field("username", string), Field("password", string))


@ROUTES.add("POST", "/v2/calendars/{calendar}/credentials", status=201)
def save_credentials(call: Call) -> object:
    """Connect an Apple account. The sandbox accepts every password."""
    # The body is checked before the calendar.
    given = _CREDENTIALS.read(call.body)
    kind = provider(call.path["calendar"], (APPLE,))
    connect(call.store, call.user["id"], kind, [given["username"]], read_only=False)
    return Status()


_ICS_URL = check(
    "IsICSUrl",
    "The URL must be a valid ICS URL (ending with .ics)",
    lambda value: isinstance(value, str) and "://" in value and value.partition("?")[0].endswith(".ics"),
)
_FEED = Form(
    Field(
        "urls",
        each(_ICS_URL).with_text(_ICS_URL.text),
        check("arrayNotEmpty", "urls should not be empty", lambda value: isinstance(value, list) and bool(value)),
        array,
    ),
    Field("readOnly", boolean, optional=True, default=True),
)


@ROUTES.add("POST", "/v2/calendars/ics-feed/save", status=201)
def save_feed(call: Call) -> object:
    """Connect ICS feeds as one account."""
    given = _FEED.read(call.body)
    # The sandbox fetches no feeds. RFC 2606 reserves `.invalid` for hosts that do not exist.
    if any((urlsplit(feed).hostname or "").endswith(".invalid") for feed in given["urls"]):
        raise errors.bad_request("Could not add ICS feeds")
    account = connect(call.store, call.user["id"], ICS, given["urls"], read_only=given["readOnly"])
    return credential_view(account, call.user["id"])


@ROUTES.add("GET", "/v2/calendars/ics-feed/check")
def check_feed(call: Call) -> object:
    """Succeed if an ICS feed is connected. This path wins over the one with the placeholder."""
    return _checked(call.store, call.user["id"], ICS.word)


@ROUTES.add("GET", "/v2/calendars/{calendar}/check")
def check_calendar(call: Call) -> object:
    """Succeed if a calendar of this provider is connected."""
    return _checked(call.store, call.user["id"], call.path["calendar"])


def _checked(store: Store, user_id: int, word: str) -> Status:
    """Raise a 400 unless a calendar of this provider is connected."""
    kind = provider(word)
    if not any(account["integration"]["type"] == kind.type for account in store.calendars.get(user_id, [])):
        raise errors.bad_request(f"Credentials for {kind.label} not found.")
    return Status()


_DISCONNECT = Form(Field("id", integer))


@ROUTES.add("POST", "/v2/calendars/{calendar}/disconnect")
def disconnect_calendar(call: Call) -> object:
    """Disconnect an account."""
    kind, user_id = provider(call.path["calendar"]), call.user["id"]
    account = account_of(call.store, user_id, _DISCONNECT.read(call.body)["id"])
    if account is None or account["integration"]["type"] != kind.type:
        raise errors.not_found("Calendar credentials not found")
    disconnect(call.store, user_id, account)
    return credential_view(account, user_id)
