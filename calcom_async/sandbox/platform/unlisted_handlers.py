"""Handlers of operations that no specification lists: clients of other authors and the server's own pages use them.

That they exist, and their statuses, was measured on both self-hosted builds. The bodies come from the source code of
the server.
"""

from __future__ import annotations

from zoneinfo import available_timezones

from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import string
from calcom_async.sandbox.http.errors import HttpError, bad_request
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.results import RawResponse, Status
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.platform.clients import Client

ROUTES = Routes()

DOCUMENTATION = "https://cal.com/docs/api-reference/v2/introduction"
_CODE = Form(Field("clientSecret", string))


@ROUTES.add("GET", "/health", auth="public")
def health(call: Call) -> object:  # noqa: ARG001
    """Return the health check, which has no envelope and needs no credentials."""
    return RawResponse("OK", content_type="text/html; charset=utf-8")


@ROUTES.add("GET", "/docs", auth="public")
def documentation(call: Call) -> object:  # noqa: ARG001
    """Redirect to the documentation. A self-hosted server redirects to the address in its settings."""
    return RawResponse(None, 302, {"Location": DOCUMENTATION})


@ROUTES.add("GET", "/v2/timezones", auth="public")
def list_time_zones(call: Call) -> object:  # noqa: ARG001
    """List cities with their time zones. The real server has 7,000 cities, the sandbox one for each time zone."""
    zones = sorted(zone for zone in available_timezones() if "/" in zone)
    return [{"city": zone.rpartition("/")[2].replace("_", " "), "timezone": zone, "pop": 0} for zone in zones]


@ROUTES.add("GET", "/v2/provider/{clientId}", auth="public")
def verify_client(call: Call) -> object:
    """Return the name of an OAuth client; an unknown one is a 401."""
    client = _client(call)
    return {"clientId": client["id"], "organizationId": client["organization_id"], "name": client["name"]}


@ROUTES.add("GET", "/v2/provider/{clientId}/access-token")
def verify_access_token(call: Call) -> object:  # noqa: ARG001
    """Succeed if the credentials are valid; the client is not looked at."""
    return Status()


def _client(call: Call) -> Client:
    """Return the client of the path."""
    client: Client | None = call.store.oauth_clients.get(call.path["clientId"])
    if client is None:
        # Without a text of its own the error has no `error` in its details.
        details = {"message": "Unauthorized", "statusCode": 401}
        raise HttpError(401, "UnauthorizedException", "Unauthorized", details=details)
    return client


@ROUTES.add("GET", "/v2/gcal/check")
def check_google_calendar(call: Call) -> object:
    """Succeed if a Google calendar is connected."""
    accounts = call.store.calendars.get(call.user["id"], [])
    if all(account["integration"]["type"] != "google_calendar" for account in accounts):
        raise bad_request("Credentials for google_calendar not found.")
    return Status()


@ROUTES.add("POST", "/v2/oauth/{clientId}/exchange", auth="public")
def exchange_code(call: Call) -> object:
    """Reject a code: only the consent page of the web app creates them."""
    secret = _CODE.read(call.body)["clientSecret"]
    if not call.headers.get("Authorization", "").replace("Bearer ", "").strip():
        raise bad_request("Missing 'Bearer' Authorization header.")
    client = call.store.oauth_clients.get(call.path["clientId"])
    if client is None or client["secret"] != secret:
        raise bad_request("Invalid OAuth Client.")
    raise bad_request("Invalid Authorization Token.")
