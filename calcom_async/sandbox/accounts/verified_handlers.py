"""Handlers of verified email addresses and phone numbers of users and teams.

The sandbox sends no emails and no messages: the code is always `CODE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_team
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import Rule, email, matches, string
from calcom_async.sandbox.http.forms import Field, Form, take_and_skip
from calcom_async.sandbox.http.results import Status
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.http.server_kind import DEFAULT_VERSION

ROUTES = Routes()


CODE = "123456"
_VERSION = (DEFAULT_VERSION,)
_LIST = Form(*take_and_skip())


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of contact: its name in paths, bodies and responses, its rule, and its error for a wrong code."""

    word: str
    field: str
    shown: str
    rule: Rule
    wrong_code: Callable[[], errors.HttpError]


@dataclass(frozen=True, slots=True)
class Scope:
    """The owners of the resources below a path, and the rate limits of its endpoints."""

    path: str
    owner: Callable[[Call], dict[str, int | None]]
    limits: Mapping[str, tuple[str, int]]


EMAILS = Kind(
    "emails",
    "email",
    "email",
    email,
    lambda: errors.no_details(400, "TRPCError", errors.GENERAL_TRPC_MESSAGE),
)
PHONES = Kind(
    "phones",
    "phone",
    "phoneNumber",
    # Blanks and hyphens between the digits are accepted.
    matches(r"^\+[1-9]([ -]?\d){6,14}$", "$property must be a valid phone number").named("isPhoneNumber"),
    lambda: errors.bad_request("Could not verify phone number."),
)


def _user(call: Call) -> dict[str, int | None]:
    """Return the owner of the contacts below `/v2/verified-resources`."""
    return {"userId": call.user["id"]}


def _team(call: Call) -> dict[str, int | None]:
    """Return the owner of a team's contacts, if the caller is an admin of the team."""
    return {"teamId": guarded_team(call, "TEAM_ADMIN")["id"]}


def _limits(owner: str, verify: str, emails: int) -> dict[str, tuple[str, int]]:
    """Return the rate limits of a scope by operation. The real server counts email verification of users as phones."""
    name = f"{owner}_verified_resources"
    return {
        "emails/request": (f"{name}_emails_requests", emails),
        "phones/request": (f"{name}_phones_requests", 3),
        f"{verify}/verify": (f"{name}_phones_verify", 3),
    }


SCOPES = (
    Scope("/v2", _user, _limits("users", "emails", 5)),
    Scope("/v2/teams/{teamId}", _team, _limits("teams", "phones", 5)),
    Scope("/v2/organizations/{orgId}/teams/{teamId}", _team, _limits("org_teams", "phones", 3)),
)


def _add_routes(scope: Scope, kind: Kind) -> None:
    """Declare the routes of a kind in a scope."""
    path = f"{scope.path}/verified-resources/{kind.word}"
    request_form = Form(Field(kind.field, kind.rule))
    verify_form = request_form.extended(Field("code", string))

    limit = scope.limits.get(f"{kind.word}/request")

    @ROUTES.add("POST", path + "/verification-code/request", version=_VERSION, limit=limit)
    def request_code(call: Call) -> object:
        """Request a code. A verified email address is a 409; a phone number can be verified again."""
        owner, address = scope.owner(call), request_form.read(call.body)[kind.field]
        # Recorded from a self-hosted server of 2025-12; only email addresses are checked.
        if kind is EMAILS and any(contact[kind.shown] == address for contact in _owned(call, kind, owner)):
            raise errors.conflict("Email is already verified.")
        call.store.verification_codes[_key(kind, owner, address)] = CODE
        return Status()

    limit = scope.limits.get(f"{kind.word}/verify")

    @ROUTES.add("POST", path + "/verification-code/verify", version=_VERSION, limit=limit)
    def verify(call: Call) -> object:
        """Verify a contact with its code, which can be used once."""
        owner, body = scope.owner(call), verify_form.read(call.body)
        key = _key(kind, owner, body[kind.field])
        if call.store.verification_codes.get(key) != body["code"]:
            raise kind.wrong_code()
        del call.store.verification_codes[key]
        return _verified(call, kind, owner, body[kind.field])

    @ROUTES.add("GET", path, version=_VERSION)
    def list_all(call: Call) -> object:
        """List the verified contacts of the owner."""
        owner, page = scope.owner(call), _LIST.read(call.fields)
        return _owned(call, kind, owner)[page["skip"] : page["skip"] + page["take"]]

    @ROUTES.add("GET", path + "/{id}", version=_VERSION)
    def get(call: Call) -> object:
        """Return a verified contact. An unknown id returns null, not a 404 (measured on both self-hosted builds)."""
        owner, wanted = scope.owner(call), call.int_path("id")
        return next((contact for contact in _owned(call, kind, owner) if contact["id"] == wanted), None)


def _key(kind: Kind, owner: Mapping[str, Any], address: str) -> tuple[Any, ...]:
    """Return the key of a code in the store."""
    return (kind.word, *owner.items(), address)


def _rows(call: Call, kind: Kind) -> dict[int, dict[str, Any]]:
    """Return the table of contacts of a kind."""
    return call.store.verified_emails if kind is EMAILS else call.store.verified_phones


def _owned(call: Call, kind: Kind, owner: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the verified contacts of an owner; a user also has those they verified for teams."""
    [(column, owner_id)] = owner.items()
    return [contact for contact in _rows(call, kind).values() if contact[column] == owner_id]


def _verified(call: Call, kind: Kind, owner: Mapping[str, Any], address: str) -> dict[str, Any]:
    """Store a verified contact, or return the existing one."""
    known = next((contact for contact in _owned(call, kind, owner) if contact[kind.shown] == address), None)
    if known is not None:
        return known
    # A contact of a team also belongs to the user who verified it.
    columns = {"userId": call.user["id"], "teamId": None, **owner}
    record = {"id": call.store.next_id("verified_" + kind.field), **columns, kind.shown: address}
    _rows(call, kind)[record["id"]] = record
    return record


for _scope in SCOPES:
    for _kind in (EMAILS, PHONES):
        _add_routes(_scope, _kind)
