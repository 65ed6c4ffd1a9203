"""Delegation credentials of an organization: creation, reads, rotation and deletion."""

from __future__ import annotations

import pytest
from sent_requests import ORGANIZATION, SentRequest, last_request

from calcom_async import BadRequestError, ForbiddenError, NotFoundError
from calcom_async.decoding import Envelope, decode
from calcom_async.models import DelegationCredential, ServiceAccountKey

PATH = "/organizations/1/delegation-credentials"
GOOGLE_KEY = ServiceAccountKey(private_key="hush", client_id="123", client_email="sa@sandbox.test")
MICROSOFT_KEY = ServiceAccountKey(private_key="hush", client_id="456", tenant_id="t")
GOOGLE = {"workspace_platform_slug": "google", "domain": "sandbox.test", "service_account_key": GOOGLE_KEY}
MICROSOFT = {"workspace_platform_slug": "office365", "domain": "acme.test", "service_account_key": MICROSOFT_KEY}


@pytest.fixture
def delegation(cal):
    """Delegation credentials of the sandbox's organization."""
    return cal.organization(ORGANIZATION).delegation_credentials


async def test_create_and_update(delegation, calcom_sandbox):
    """A credential is created disabled and enabled by an update; its key is never returned or printed."""
    created = await delegation.create(**GOOGLE)
    key = {"private_key": "hush", "client_id": "123", "client_email": "sa@sandbox.test"}
    body = {"workspacePlatformSlug": "google", "domain": "sandbox.test", "serviceAccountKey": key}
    assert last_request(calcom_sandbox) == SentRequest("POST", PATH, {}, body, None)
    assert (created.enabled, created.organization_id, created.workspace_platform.name) == (
        False,
        ORGANIZATION,
        "Google",
    )
    assert created.secret is None
    assert (await delegation.update(created.id, enabled=True)).enabled
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"{PATH}/{created.id}", {}, {"enabled": True}, None)
    await delegation.update(created.id, service_account_key=GOOGLE_KEY)
    assert last_request(calcom_sandbox).body == {"serviceAccountKey": key}
    assert "hush" not in repr(GOOGLE_KEY)


async def test_read_and_delete(delegation, calcom_sandbox):
    """Reads contain the client id, which writes omit; a deleted credential is not found."""
    google, microsoft = await delegation.create(**GOOGLE), await delegation.create(**MICROSOFT)
    assert google.service_account_client_id is None
    rows = await delegation.list().collect()
    assert [(row.id, row.service_account_client_id) for row in rows] == [(google.id, "123"), (microsoft.id, "456")]
    assert [row.id async for row in delegation.list(domain="acme.test", take=5)] == [microsoft.id]
    query = {"domain": "acme.test", "take": "5", "skip": "0"}
    assert last_request(calcom_sandbox) == SentRequest("GET", PATH, query, None, None)
    assert await delegation.get(google.id) == rows[0]
    assert last_request(calcom_sandbox) == SentRequest("GET", f"{PATH}/{google.id}", {}, None, None)
    assert (await delegation.delete(google.id)).id == google.id
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"{PATH}/{google.id}", {}, None, None)
    for call in (delegation.get(google.id), delegation.delete(google.id)):
        with pytest.raises(NotFoundError):
            await call


async def test_rotation_of_microsoft(delegation, calcom_sandbox):
    """A Microsoft credential has the state of its secret; resetting the rotation clears a failure."""
    created = await delegation.create(**MICROSOFT, opt_out_auto_secret_rotation=True)
    assert last_request(calcom_sandbox).body["optOutAutoSecretRotation"] is True
    assert created.opt_out_auto_secret_rotation is True
    assert created.secret is not None
    assert created.secret.expires_at > created.created_at
    changed = await delegation.update(created.id, opt_out_auto_secret_rotation=False)
    assert last_request(calcom_sandbox).body == {"optOutAutoSecretRotation": False}
    assert changed.opt_out_auto_secret_rotation is False

    record = calcom_sandbox.store.extras["delegation_credentials"][created.id]
    record |= {"secretRotationBlocked": True, "secretRotationErrorCode": "missing_permission"}
    blocked = await delegation.get(created.id)
    assert (blocked.secret_rotation_blocked, blocked.secret_rotation_error_code) == (True, "missing_permission")
    reset = await delegation.reset_rotation(created.id)
    assert last_request(calcom_sandbox) == SentRequest("POST", f"{PATH}/{created.id}/reset-rotation", {}, None, None)
    assert (reset.secret_rotation_blocked, reset.secret_rotation_error_code) == (False, None)


async def test_google_has_no_rotation(delegation):
    """The rotation of a secret is for Microsoft only."""
    created = await delegation.create(**GOOGLE)
    for call in (
        delegation.reset_rotation(created.id),
        delegation.update(created.id, opt_out_auto_secret_rotation=True),
    ):
        with pytest.raises(BadRequestError, match="office365"):
            await call


async def test_delegation_errors(cal, delegation):
    """A domain has one credential, an unknown one is not found, and members are forbidden."""
    await delegation.create(**GOOGLE)
    with pytest.raises(BadRequestError):
        await delegation.create(**GOOGLE)
    with pytest.raises(NotFoundError):
        await delegation.update("nope", enabled=True)
    with pytest.raises(ForbiddenError, match="ORG_ADMIN"):
        await cal.with_credentials("cal_sandbox_cy").organization(ORGANIZATION).delegation_credentials.create(**GOOGLE)


def test_an_unknown_rotation_error_is_kept():
    """A rotation error that is not listed stays as it is; the specification declares the list open."""
    body = (
        b'{"data": {"id": "x", "enabled": true, "domain": "d", "organizationId": 1, "workspacePlatform": {"name": "M",'
        b'"slug": "other"}, "createdAt": "2026-09-01T00:00:00Z", "updatedAt": "2026-09-01T00:00:00Z",'
        b'"secretRotationErrorCode": "brand_new", "secret": null}}'
    )
    credential = decode(Envelope[DelegationCredential], body).data
    assert (credential.secret_rotation_error_code, credential.workspace_platform.slug) == ("brand_new", "other")
