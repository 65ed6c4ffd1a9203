"""Webhooks of the user: creation, lists, updates, deletion, and hidden secrets."""

from __future__ import annotations

import asyncio

import pytest
from sent_requests import ANA, SentRequest, last_request, sent_requests

from calcom_async import (
    BadRequestError,
    CalcomError,
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    ServerError,
)
from calcom_async.decoding import decode
from calcom_async.models import Webhook

URL = "https://hooks.test/cal"


def create_webhook(cal, number=0, **fields):
    """Create a webhook for created bookings."""
    defaults = {"subscriber_url": f"{URL}/{number}", "triggers": ["BOOKING_CREATED"]}
    return cal.webhooks.create(**defaults | fields)


async def test_create(cal, calcom_sandbox):
    """`active` is always sent, other fields only if given; the webhook is typed and its id a string."""
    webhook = await create_webhook(cal)
    body = {"subscriberUrl": f"{URL}/0", "triggers": ["BOOKING_CREATED"], "active": True}
    assert last_request(calcom_sandbox) == SentRequest("POST", "/webhooks", {}, body, None)
    assert isinstance(webhook, Webhook)
    assert isinstance(webhook.id, str)
    assert (webhook.user_id, webhook.active, webhook.secret, webhook.payload_template) == (ANA, True, None, None)


async def test_all_fields(cal, calcom_sandbox):
    """Every field is written under its name and read back; the secret is in no repr."""
    webhook = await create_webhook(
        cal,
        triggers=["BOOKING_CREATED", "BOOKING_CANCELLED"],
        active=False,
        secret="top-secret",
        payload_template='{"what": "{{title}}"}',
        version="2021-10-20",
    )
    assert last_request(calcom_sandbox).body == {
        "subscriberUrl": f"{URL}/0",
        "triggers": ["BOOKING_CREATED", "BOOKING_CANCELLED"],
        "active": False,
        "secret": "top-secret",
        "payloadTemplate": '{"what": "{{title}}"}',
        "version": "2021-10-20",
    }
    assert (webhook.triggers, webhook.active, webhook.secret) == (
        ["BOOKING_CREATED", "BOOKING_CANCELLED"],
        False,
        "top-secret",
    )
    assert "top-secret" not in repr(webhook)


@pytest.mark.parametrize(
    ("secret", "match"),
    [
        ("whsec\n", "ends with a line break"),
        (" whsec", "begins with a space"),
        ("whsec\xa0", "ends with white space"),
        ("", "is empty"),
        (b"whsec", "must be a text"),
    ],
)
async def test_a_secret_with_white_space(cal, calcom_sandbox, secret, match):
    """A secret with surrounding white space is rejected before a request is sent."""
    for call in (
        lambda: create_webhook(cal, secret=secret),
        lambda: cal.webhooks.update("id", secret=secret),
        lambda: cal.webhooks.ensure(URL, ["BOOKING_CREATED"], secret=secret),
    ):
        with pytest.raises(InvalidRequestError, match=match):
            await call()
    assert not sent_requests(calcom_sandbox)


@pytest.mark.servers("hosted", "self-hosted-2026-07")
async def test_no_variable_of_a_traceback_holds_the_secret(cal):
    """When a call is rejected, error reports with local variables show no secret."""
    await create_webhook(cal, secret="top-secret")
    for call in (
        lambda: create_webhook(cal, secret="top-secret"),
        lambda: cal.webhooks.update("unknown", secret="top-secret"),
        lambda: cal.webhooks.ensure("no URL", ["BOOKING_CREATED"], secret="top-secret"),
        lambda: cal.webhooks.ensure(URL, ["BOOKING_CREATED"], secret="top-secret "),
    ):
        with pytest.raises(CalcomError) as caught:
            await call()
        frames = [entry.frame for entry in caught.traceback if "calcom_async" in str(entry.path)]
        assert [frame for frame in frames if frame.code.name in {"create", "update", "ensure"}]
        shown = [f"{frame.code.name}: {value!r}" for frame in frames for value in frame.f_locals.values()]
        assert not [text for text in shown if "top-secret" in text]


async def test_get(cal, calcom_sandbox):
    """Reading a webhook by id returns more fields than the list."""
    webhook = await create_webhook(cal)
    fetched = await cal.webhooks.get(webhook.id)
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/webhooks/{webhook.id}", {}, None, None)
    assert (fetched.id, fetched.subscriber_url, fetched.triggers) == (
        webhook.id,
        webhook.subscriber_url,
        webhook.triggers,
    )
    assert fetched.version == "2021-10-20"


async def test_list(cal, calcom_sandbox):
    """The list requests the largest page, and a short page ends it."""
    webhooks = [await create_webhook(cal, number) for number in range(3)]
    assert {webhook.id async for webhook in cal.webhooks.list()} == {webhook.id for webhook in webhooks}
    assert [request.query for request in sent_requests(calcom_sandbox)[3:]] == [{"take": "250", "skip": "0"}]


async def test_list_in_pages(cal, calcom_sandbox):
    """A list without a total continues until a short page; a full last page costs one more request."""
    webhooks = [await create_webhook(cal, number) for number in range(4)]
    pages = cal.webhooks.list(take=2)
    ids = [webhook.id async for webhook in pages]
    assert sorted(ids) == sorted(webhook.id for webhook in webhooks)
    assert pages.total is None
    assert [request.query["skip"] for request in sent_requests(calcom_sandbox)[4:]] == ["0", "2", "4"]
    assert [webhook.id for webhook in await cal.webhooks.list(take=3, skip=1).collect(2)] == ids[1:3]


@pytest.mark.parametrize("take", [0, 251, -1, 2.5, True])
async def test_invalid_page_sizes(cal, calcom_sandbox, take):
    """An invalid page size is rejected before a request is sent."""
    with pytest.raises(InvalidRequestError, match="take must be an integer from 1 to 250"):
        cal.webhooks.list(take=take)
    assert calcom_sandbox.requests == []


async def test_update(cal, calcom_sandbox):
    """Only given fields are sent; `triggers` replaces the whole list."""
    webhook = await create_webhook(cal, secret="s")
    changed = await cal.webhooks.update(webhook.id, triggers=["MEETING_ENDED"], active=False)
    body = {"triggers": ["MEETING_ENDED"], "active": False}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"/webhooks/{webhook.id}", {}, body, None)
    assert (changed.triggers, changed.active, changed.secret) == (["MEETING_ENDED"], False, "s")


async def test_delete(cal, calcom_sandbox):
    """Deleting returns the webhook, which is not found afterwards."""
    webhook = await create_webhook(cal)
    deleted = await cal.webhooks.delete(webhook.id)
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"/webhooks/{webhook.id}", {}, None, None)
    assert (deleted.id, deleted.subscriber_url) == (webhook.id, webhook.subscriber_url)
    with pytest.raises(NotFoundError):
        await cal.webhooks.get(webhook.id)


@pytest.mark.servers("hosted", "self-hosted-2026-07")
async def test_rejections(cal):
    """A duplicate URL is a conflict, another user's webhook is forbidden, and an unknown trigger is rejected."""
    webhook = await create_webhook(cal)
    with pytest.raises(ConflictError, match="already exists for this user"):
        await create_webhook(cal)
    with pytest.raises(ForbiddenError, match="is not the owner of webhook"):
        await cal.with_credentials("cal_sandbox_bo").webhooks.get(webhook.id)
    with pytest.raises(BadRequestError) as caught:
        await create_webhook(cal, 1, triggers=["BOOKING_CONFIRMED"])
    assert list(caught.value.fields) == ["triggers"]
    with pytest.raises(BadRequestError, match="URL is not allowed"):
        await create_webhook(cal, subscriber_url="not a url")


async def ensure(cal, **fields):
    """Ensure the webhook of the test URL."""
    return await cal.webhooks.ensure(URL, ["BOOKING_CREATED", "BOOKING_CANCELLED"], **{"secret": "s3cret"} | fields)


def methods(sandbox):
    """Return the HTTP methods of all requests."""
    return [request.method for request in sent_requests(sandbox)]


async def test_ensure_creates_a_webhook(cal, calcom_sandbox):
    """`ensure` creates a missing webhook; a second call finds it, in whatever order its triggers are."""
    webhook = await ensure(cal)
    assert (webhook.subscriber_url, webhook.secret, webhook.active) == (URL, "s3cret", True)
    assert methods(calcom_sandbox) == ["GET", "POST"]
    again = await cal.webhooks.ensure(URL, ["BOOKING_CANCELLED", "BOOKING_CREATED"], secret="s3cret")
    assert again.id == webhook.id
    assert methods(calcom_sandbox) == ["GET", "POST", "GET"]


@pytest.mark.parametrize(
    "change",
    [{"secret": "new"}, {"active": False}, {"payload_template": "{{title}}"}],
    ids=lambda change: next(iter(change)),
)
async def test_ensure_updates_a_webhook(cal, change):
    """`ensure` updates the existing webhook under its id; fields that are not given stay."""
    webhook = await ensure(cal)
    changed = await ensure(cal, **change)
    assert changed.id == webhook.id
    assert {name: getattr(changed, name) for name in change} == change
    unchanged = await cal.webhooks.ensure(URL, ["MEETING_ENDED"], active=changed.active)
    assert (unchanged.triggers, unchanged.secret) == (["MEETING_ENDED"], changed.secret)
    assert unchanged.payload_template == changed.payload_template
    assert [row.id async for row in cal.webhooks.list()] == [webhook.id]


@pytest.mark.parametrize("fault", [{"cut": "after"}, {"invalid_body": True}, {"cut": "before"}, {"status": 503}])
async def test_ensure_after_a_lost_response(cal, calcom_sandbox, fault):
    """After a lost response there is one webhook, whether the server had created it or not."""
    calcom_sandbox.faults.add("POST", "/v2/webhooks", **fault)
    webhook = await ensure(cal)
    assert [row.id async for row in cal.webhooks.list()] == [webhook.id]
    assert calcom_sandbox.faults.fired == 1
    assert methods(calcom_sandbox)[:3] == ["GET", "POST", "GET"]


async def test_ensure_raises_errors(cal, calcom_sandbox):
    """A rejection raises at once, a lasting fault on its second occurrence; no webhook is left."""
    with pytest.raises(BadRequestError):
        await cal.webhooks.ensure(URL, ["BOOKING_CONFIRMED"])
    assert methods(calcom_sandbox) == ["GET", "POST"]
    calcom_sandbox.faults.add("POST", "/v2/webhooks", status=503, times=2)
    with pytest.raises(ServerError):
        await ensure(cal)
    assert await cal.webhooks.list().collect() == []


async def test_concurrent_ensure(cal):
    """Concurrent calls return the same webhook; webhooks with other URLs are not changed."""
    other = await create_webhook(cal)
    webhooks = await asyncio.gather(*(ensure(cal) for _ in range(10)))
    assert len({webhook.id for webhook in webhooks}) == 1
    assert {webhook.id async for webhook in cal.webhooks.list()} == {other.id, webhooks[0].id}


async def test_time_of_no_shows(cal, calcom_sandbox):
    """How long after the start a no-show is reported is sent with its unit, at creation and in an update."""
    webhook = await create_webhook(cal, triggers=["AFTER_HOSTS_CAL_VIDEO_NO_SHOW"], time=5, time_unit="MINUTE")
    body = last_request(calcom_sandbox).body
    assert (body["time"], body["timeUnit"]) == (5, "MINUTE")
    await cal.webhooks.update(webhook.id, time=1, time_unit="HOUR")
    assert last_request(calcom_sandbox).body == {"time": 1, "timeUnit": "HOUR"}


def test_an_id_may_be_a_number():
    """The specification declares the id a number, and servers send text: both are read as text."""
    body = (
        b'{"id": 7, "subscriberUrl": "https://x.test", "active": true, "triggers": [], "time": null, "timeUnit": null}'
    )
    assert decode(Webhook, body).id == "7"
