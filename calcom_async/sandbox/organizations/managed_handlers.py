"""Handlers of managed organizations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calcom_async.sandbox.accounts.guards import guarded_organization
from calcom_async.sandbox.accounts.teams import add_member, remove_team, slugify
from calcom_async.sandbox.http import errors
from calcom_async.sandbox.http.call import Call
from calcom_async.sandbox.http.constraints import (
    boolean,
    check,
    fits_metadata_limits,
    min_length,
    minimum,
    number,
    object_,
    string,
)
from calcom_async.sandbox.http.forms import Field, Form, take_and_skip
from calcom_async.sandbox.http.results import Page
from calcom_async.sandbox.http.routing import Routes
from calcom_async.sandbox.state.store import Store

ROUTES = Routes()


Record = dict[str, Any]

MANAGED = "/v2/organizations/{orgId}/organizations"
ONE = MANAGED + "/{managedOrganizationId}"


_METADATA = check(
    "ValidateMetadata",
    "$property must be an object with up to 50 keys, each key name up to 40 characters, and values with a maximum "
    "length of 500 characters.",
    fits_metadata_limits,
)
_CREATE = Form(
    Field("name", min_length(1).named("isLength"), string),
    Field("slug", string, optional=True),
    Field("metadata", _METADATA, object_, optional=True),
    Field("apiKeyDaysValid", minimum(1), number, optional=True),
    Field("apiKeyNeverExpires", boolean, optional=True),
)
_UPDATE = _CREATE.partial()
_LIST = Form(
    *take_and_skip(),
    Field("slug", string, optional=True),
    Field("metadataKey", string, optional=True),
    Field("metadataValue", string, optional=True),
)


@ROUTES.add("POST", MANAGED, status=201)
def create_managed_organization(call: Call) -> object:
    """Create an organization with an API key. If it exists already, both key settings are rejected."""
    manager = guarded_organization(call, "ORG_ADMIN")
    given = _CREATE.read(call.body)
    record = _new(call.store, manager["id"], given)
    # All of this stays when the key settings are rejected below (recorded from a self-hosted server of 2025-12).
    add_member(call.store, record["id"], call.user["id"], role="OWNER")
    if given.get("apiKeyDaysValid") is not None and given.get("apiKeyNeverExpires"):
        raise errors.bad_request(
            "ApiKeysService -Cannot set both apiKeyDaysValid and apiKeyNeverExpires. It has to be either or none of "
            "them."
        )
    key = record["api_key"] = f"cal_{call.store.rng.getrandbits(128):032x}"
    # The key acts as the caller, who owns the new organization.
    call.store.api_keys[key] = call.user["id"]
    return _view(record) | {"apiKey": key}


def _new(store: Store, manager_id: int, given: Mapping[str, Any]) -> Record:
    """Create the organization."""
    slug = given.get("slug") or slugify(given["name"])
    _check_slug(store, slug)
    # The server stores organizations as teams: both share one sequence of ids.
    store.reserve_id("team", max((*store.teams, *store.organizations)))
    record: Record = {
        "id": store.next_id("team"),
        "name": given["name"],
        "slug": slug,
        "metadata": given.get("metadata"),
        "is_platform": False,
        "managed_by": manager_id,
    }
    store.organizations[record["id"]] = record
    return record


def _check_slug(store: Store, slug: str) -> None:
    """Raise a 409 if an organization has this slug."""
    if any(organization["slug"] == slug for organization in store.organizations.values()):
        raise errors.conflict(f"Organization with slug '{slug}' already exists")


@ROUTES.add("GET", MANAGED)
def list_managed_organizations(call: Call) -> object:
    """List the managed organizations by id, with a pagination object."""
    manager = guarded_organization(call, "ORG_ADMIN")
    query = _LIST.read(call.fields)
    matching = [record for record in call.store.organizations.values() if _matches(record, manager["id"], query)]
    take, skip = query["take"], query["skip"]
    rows = sorted(matching, key=lambda record: record["id"])[skip : skip + take]
    return Page.of([_view(record) for record in rows], total=len(matching), take=take, skip=skip)


def _matches(record: Record, manager_id: int, query: Mapping[str, Any]) -> bool:
    """Return whether the organization is managed by this one and passes the filters."""
    if record.get("managed_by") != manager_id or query.get("slug") not in (None, record["slug"]):
        return False
    key, value = query.get("metadataKey"), query.get("metadataValue")
    metadata = record["metadata"] or {}
    return key is None or (key in metadata and value in (None, str(metadata[key])))


@ROUTES.add("GET", ONE)
def get_managed_organization(call: Call) -> object:
    """Return a managed organization."""
    return _view(_managed(call))


@ROUTES.add("PATCH", ONE)
def update_managed_organization(call: Call) -> object:
    """Update name, slug and metadata; the settings of the API key are ignored."""
    record, given = _managed(call), _UPDATE.read(call.body)
    if given.get("slug") not in (None, record["slug"]):
        _check_slug(call.store, given["slug"])
    names = ("name", "slug", "metadata")
    record.update({name: given[name] for name in names if given.get(name) is not None})
    return _view(record)


@ROUTES.add("DELETE", ONE)
def delete_managed_organization(call: Call) -> object:
    """Delete a managed organization and its API key."""
    record = _managed(call)
    call.store.api_keys.pop(record.get("api_key", ""), None)
    remove_team(call.store, record | {"is_organization": True})
    return _view(record)


def _managed(call: Call) -> Record:
    """Return the managed organization of the path. One of another manager is a 403."""
    manager, managed_id = guarded_organization(call, "ORG_ADMIN"), call.int_path("managedOrganizationId")
    record = call.store.organizations.get(managed_id)
    # Unknown and foreign ones are the same 403.
    if record is None or record.get("managed_by") != manager["id"]:
        raise errors.forbidden(
            f"IsManagedOrgInManagerOrg - Managed organization with id={managed_id} is not owned by manager "
            f"organization with id={manager['id']}."
        )
    return record


def _view(record: Mapping[str, Any]) -> Record:
    """Return an organization as JSON; `metadata` only if it was given."""
    shown = {name: record[name] for name in ("id", "name", "slug")}
    return shown | ({"metadata": record["metadata"]} if record["metadata"] else {})
