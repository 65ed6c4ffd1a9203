"""Handlers of delegation credentials of an organization."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_organization
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import boolean, check, string
from calcom_async.sandbox.http.forms import Field, Form
from calcom_async.sandbox.http.paging import page, paged_form, read_query
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.clock import iso

ROUTES = Routes()


Record = dict[str, Any]

ALL = "/v2/organizations/{orgId}/delegation-credentials"
ONE = ALL + "/{credentialId}"

MICROSOFT = "office365"
_PLATFORMS = {"google": "Google", MICROSOFT: "Microsoft 365"}
_SECRET_LIFETIME = timedelta(days=180)

# Which of the two kinds of keys is meant depends on one of its fields.
_KEYS = {
    "client_email": ("private_key", "client_email", "client_id"),
    "tenant_id": ("private_key", "tenant_id", "client_id"),
}


def _key_fault(value: Any) -> str:
    """Return the message for a service account key; empty if it is complete."""
    names = next((names for name, names in _KEYS.items() if isinstance(value, dict) and name in value), None)
    if names is None:
        return (
            "Service account key must be either a Google service account key (with client_email, private_key, "
            "client_id) or Microsoft service account key (with tenant_id, private_key, client_id)"
        )
    missing = [name for name in names if not (isinstance(value.get(name), str) and value[name])]
    return "; ".join(f"{name} should not be empty, {name} must be a string" for name in missing)


def _key_field(body: Record, *, optional: bool = False) -> Field:
    """Return the field of a service account key, whose message depends on the key of this body."""
    fault = _key_fault(body.get("serviceAccountKey"))
    return Field("serviceAccountKey", check("isServiceAccountKey", fault, lambda _: not fault), optional=optional)


_CREATE = Form(
    Field("workspacePlatformSlug", string),
    Field("domain", string),
    Field("optOutAutoSecretRotation", boolean, optional=True),
)
_UPDATE = Form(
    Field("enabled", boolean, optional=True),
    Field("optOutAutoSecretRotation", boolean, optional=True),
)
_LIST = paged_form(Field("domain", string, optional=True))


def _credentials(call: Call) -> dict[str, Record]:
    """Return the delegation credentials by id."""
    credentials: dict[str, Record] = call.store.extras["delegation_credentials"]
    return credentials


def _credential(call: Call) -> Record:
    """Return the credential of the path if the caller is an admin of its organization."""
    organization = guarded_organization(call, "ORG_ADMIN")
    record = _credentials(call).get(call.path["credentialId"])
    if record is None or record["organizationId"] != organization["id"]:
        raise errors.not_found(f"DelegationCredential with id {call.path['credentialId']} not found")
    return record


def _written(record: Record) -> Record:
    """Return a credential as writes answer it; only reads contain the client id."""
    return {name: value for name, value in record.items() if name != "serviceAccountClientId"}


@ROUTES.add("POST", ALL, status=201)
def create_delegation_credential(call: Call) -> object:
    """Create a credential, one per domain; the private key is not stored."""
    organization, given = (
        guarded_organization(call, "ORG_ADMIN"),
        _CREATE.extended(_key_field(call.body)).read(call.body),
    )
    slug, domain = given["workspacePlatformSlug"], given["domain"]
    # One general message for both faults, which names neither.
    if slug not in _PLATFORMS or any(record["domain"] == domain for record in _credentials(call).values()):
        raise errors.no_details(400, "TRPCError", errors.GENERAL_TRPC_MESSAGE)
    now = call.clock.now()
    record: Record = {
        "id": call.store.uuid(),
        # Enabling is a second step, which tests the key on the real server.
        "enabled": False,
        "domain": domain,
        "organizationId": organization["id"],
        "workspacePlatform": {"name": _PLATFORMS[slug], "slug": slug},
        "createdAt": iso(now),
        "updatedAt": iso(now),
        # The private key never leaves the server, and the sandbox has no use for it.
        "serviceAccountClientId": given["serviceAccountKey"]["client_id"],
    }
    if slug == MICROSOFT:
        record |= {
            "optOutAutoSecretRotation": bool(given.get("optOutAutoSecretRotation")),
            "secretRotationBlocked": False,
            "secret": {"expiresAt": iso(now + _SECRET_LIFETIME)},
            "pendingSecret": {"createdAt": None, "expiresAt": None},
            "secretRotationErrorCode": None,
        }
    _credentials(call)[record["id"]] = record
    return _written(record)


@ROUTES.add("GET", ALL)
def list_delegation_credentials(call: Call) -> object:
    """List the delegation credentials of the organization."""
    organization, query = guarded_organization(call, "ORG_ADMIN"), read_query(call, _LIST)
    records = [
        record
        for record in _credentials(call).values()
        if record["organizationId"] == organization["id"] and query.get("domain") in (None, record["domain"])
    ]
    return page(records, query)


@ROUTES.add("GET", ONE)
def get_delegation_credential(call: Call) -> object:
    """Return a delegation credential."""
    return _credential(call)


@ROUTES.add("PATCH", ONE)
def update_delegation_credential(call: Call) -> object:
    """Update a credential. The real server tests the key, and fails with 500 if it is invalid."""
    record, given = _credential(call), _UPDATE.extended(_key_field(call.body, optional=True)).read(call.body)
    opt_out = given.get("optOutAutoSecretRotation")
    if opt_out is not None and record["workspacePlatform"]["slug"] != MICROSOFT:
        raise errors.bad_request("optOutAutoSecretRotation is only supported for office365 delegation credentials.")
    if given.get("serviceAccountKey") is not None:
        record["serviceAccountClientId"] = given["serviceAccountKey"]["client_id"]
    record |= {name: given[name] for name in ("enabled", "optOutAutoSecretRotation") if given.get(name) is not None}
    record["updatedAt"] = iso(call.clock.now())
    return _written(record)


@ROUTES.add("DELETE", ONE)
def delete_delegation_credential(call: Call) -> object:
    """Delete a delegation credential."""
    record = _credential(call)
    del _credentials(call)[record["id"]]
    return _written(record)


@ROUTES.add("POST", ONE + "/reset-rotation")
def reset_rotation(call: Call) -> object:
    """Clear the failure of a rotation; for Microsoft only."""
    record = _credential(call)
    if record["workspacePlatform"]["slug"] != MICROSOFT:
        raise errors.bad_request("Secret rotation is only supported for office365 delegation credentials.")
    record |= {"secretRotationBlocked": False, "secretRotationErrorCode": None, "updatedAt": iso(call.clock.now())}
    return _written(record)
