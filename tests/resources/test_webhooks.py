"""Webhooks of the user: made, listed page by page, changed, deleted; secrets stay out of sight."""

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
from calcom_async.models import Webhook

URL = "https://hooks.test/cal"


def new(cal, number=0, **fields):
    """Subscribe to created bookings."""
    given = {"subscriber_url": f"{URL}/{number}", "triggers": ["BOOKING_CREATED"]}
    return cal.webhooks.create(**given | fields)


async def test_create(cal, calcom_sandbox):
    """`active` is always sent, other fields only if given; the webhook is typed and its id a string."""
    made = await new(cal)
    body = {"subscriberUrl": f"{URL}/0", "triggers": ["BOOKING_CREATED"], "active": True}
    assert last_request(calcom_sandbox) == SentRequest("POST", "/webhooks", {}, body, None)
    assert isinstance(made, Webhook)
    assert isinstance(made.id, str)
    assert (made.user_id, made.active, made.secret, made.payload_template) == (ANA, True, None, None)


async def test_all_fields(cal, calcom_sandbox):
    """Every field is written under its name and read back; the secret is in no repr."""
    made = await new(
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
    assert (made.triggers, made.active, made.secret) == (["BOOKING_CREATED", "BOOKING_CANCELLED"], False, "top-secret")
    assert "top-secret" not in repr(made)


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
async def test_secrets_that_no_delivery_verifies_with(cal, calcom_sandbox, secret, match):
    """A secret with surrounding white space is rejected before a request is sent."""
    for call in (
        lambda: new(cal, secret=secret),
        lambda: cal.webhooks.update("id", secret=secret),
        lambda: cal.webhooks.ensure(URL, ["BOOKING_CREATED"], secret=secret),
    ):
        with pytest.raises(InvalidRequestError, match=match):
            await call()
    assert not sent_requests(calcom_sandbox)


async def test_no_variable_of_a_traceback_holds_the_secret(cal):
    """When a call is rejected, error reports with local variables show no secret."""
    await new(cal, secret="top-secret")
    for call in (
        lambda: new(cal, secret="top-secret"),
        lambda: cal.webhooks.update("unknown", secret="top-secret"),
        lambda: cal.webhooks.ensure("no URL", ["BOOKING_CREATED"], secret="top-secret"),
        lambda: cal.webhooks.ensure(URL, ["BOOKING_CREATED"], secret="top-secret "),
    ):
        with pytest.raises(CalcomError) as caught:
            await call()
        ours = [entry.frame for entry in caught.traceback if "calcom_async" in str(entry.path)]
        assert [frame for frame in ours if frame.code.name in {"create", "update", "ensure"}]
        shown = [f"{frame.code.name}: {value!r}" for frame in ours for value in frame.f_locals.values()]
        assert not [text for text in shown if "top-secret" in text]


async def test_get(cal, calcom_sandbox):
    """Reading a webhook by id returns more fields than the list."""
    made = await new(cal)
    found = await cal.webhooks.get(made.id)
    assert last_request(calcom_sandbox) == SentRequest("GET", f"/webhooks/{made.id}", {}, None, None)
    assert (found.id, found.subscriber_url, found.triggers) == (made.id, made.subscriber_url, made.triggers)
    assert found.version == "2021-10-20"


async def test_list(cal, calcom_sandbox):
    """The list requests the largest page, and a short page ends it."""
    made = [await new(cal, number) for number in range(3)]
    assert {one.id async for one in cal.webhooks.list()} == {one.id for one in made}
    assert [one.query for one in sent_requests(calcom_sandbox)[3:]] == [{"take": "250", "skip": "0"}]


async def test_list_in_pages(cal, calcom_sandbox):
    """A list without a total continues until a short page; a full last page costs one more request."""
    made = [await new(cal, number) for number in range(4)]
    pages = cal.webhooks.list(take=2)
    ids = [one.id async for one in pages]
    assert sorted(ids) == sorted(one.id for one in made)
    assert pages.total is None
    assert [one.query["skip"] for one in sent_requests(calcom_sandbox)[4:]] == ["0", "2", "4"]
    assert [one.id for one in await cal.webhooks.list(take=3, skip=1).collect(2)] == ids[1:3]


@pytest.mark.parametrize("take", [0, 251, -1, 2.5, True])
async def test_page_sizes_are_checked_here(cal, calcom_sandbox, take):
    """An invalid page size is rejected before a request is sent."""
    with pytest.raises(InvalidRequestError, match="take must be an integer from 1 to 250"):
        cal.webhooks.list(take=take)
    assert calcom_sandbox.requests == []


async def test_update(cal, calcom_sandbox):
    """Only given fields are sent; `triggers` replaces the whole list."""
    made = await new(cal, secret="s")
    changed = await cal.webhooks.update(made.id, triggers=["MEETING_ENDED"], active=False)
    body = {"triggers": ["MEETING_ENDED"], "active": False}
    assert last_request(calcom_sandbox) == SentRequest("PATCH", f"/webhooks/{made.id}", {}, body, None)
    assert (changed.triggers, changed.active, changed.secret) == (["MEETING_ENDED"], False, "s")


async def test_delete(cal, calcom_sandbox):
    """Deleting returns the webhook, which is not found afterwards."""
    made = await new(cal)
    gone = await cal.webhooks.delete(made.id)
    assert last_request(calcom_sandbox) == SentRequest("DELETE", f"/webhooks/{made.id}", {}, None, None)
    assert (gone.id, gone.subscriber_url) == (made.id, made.subscriber_url)
    with pytest.raises(NotFoundError):
        await cal.webhooks.get(made.id)


async def test_refusals(cal):
    """A duplicate URL is a conflict, another user's webhook is forbidden, and an unknown trigger is rejected."""
    made = await new(cal)
    with pytest.raises(ConflictError, match="already exists for this user"):
        await new(cal)
    with pytest.raises(ForbiddenError, match="is not the owner of webhook"):
        await cal.with_credentials("cal_sandbox_bo").webhooks.get(made.id)
    with pytest.raises(BadRequestError) as caught:
        await new(cal, 1, triggers=["BOOKING_CONFIRMED"])
    assert list(caught.value.fields) == ["triggers"]
    with pytest.raises(BadRequestError, match="URL is not allowed"):
        await new(cal, subscriber_url="not a url")


async def ensured(cal, **fields):
    """The webhook of that URL, made sure of."""
    return await cal.webhooks.ensure(URL, ["BOOKING_CREATED", "BOOKING_CANCELLED"], **{"secret": "s3cret"} | fields)


def verbs(sandbox):
    return [one.method for one in sent_requests(sandbox)]


async def test_ensure_makes_what_is_not_there(cal, calcom_sandbox):
    """Where there is none one is made; a second call finds it, in whatever order its triggers are, and leaves it."""
    made = await ensured(cal)
    assert (made.subscriber_url, made.secret, made.active) == (URL, "s3cret", True)
    assert verbs(calcom_sandbox) == ["GET", "POST"]
    again = await cal.webhooks.ensure(URL, ["BOOKING_CANCELLED", "BOOKING_CREATED"], secret="s3cret")
    assert again.id == made.id
    assert verbs(calcom_sandbox) == ["GET", "POST", "GET"]


@pytest.mark.parametrize(
    "change",
    [{"secret": "new"}, {"active": False}, {"payload_template": "{{title}}"}],
    ids=lambda change: next(iter(change)),
)
async def test_ensure_changes_what_differs(cal, change):
    """`ensure` updates the existing webhook under its id; fields that are not given stay."""
    made = await ensured(cal)
    changed = await ensured(cal, **change)
    assert changed.id == made.id
    assert {name: getattr(changed, name) for name in change} == change
    kept = await cal.webhooks.ensure(URL, ["MEETING_ENDED"], active=changed.active)
    assert (kept.triggers, kept.secret) == (["MEETING_ENDED"], changed.secret)
    assert kept.payload_template == changed.payload_template
    assert [one.id async for one in cal.webhooks.list()] == [made.id]


@pytest.mark.parametrize("fault", [{"cut": "after"}, {"invalid_body": True}, {"cut": "before"}, {"status": 503}])
async def test_ensure_looks_before_it_makes_one_again(cal, calcom_sandbox, fault):
    """After a lost response there is one webhook, whether the server had created it or not."""
    calcom_sandbox.faults.add("POST", "/v2/webhooks", **fault)
    made = await ensured(cal)
    assert [one.id async for one in cal.webhooks.list()] == [made.id]
    assert calcom_sandbox.faults.fired == 1
    assert verbs(calcom_sandbox)[:3] == ["GET", "POST", "GET"]


async def test_ensure_raises_what_lasts(cal, calcom_sandbox):
    """A rejection raises at once, a lasting fault on its second occurrence; no webhook is left."""
    with pytest.raises(BadRequestError):
        await cal.webhooks.ensure(URL, ["BOOKING_CONFIRMED"])
    assert verbs(calcom_sandbox) == ["GET", "POST"]
    calcom_sandbox.faults.add("POST", "/v2/webhooks", status=503, times=2)
    with pytest.raises(ServerError):
        await ensured(cal)
    assert await cal.webhooks.list().collect() == []


async def test_ensure_by_several_at_once(cal):
    """The loser of a race returns the winner's webhook; webhooks with other URLs are not changed."""
    other = await new(cal)
    made = await asyncio.gather(*(ensured(cal) for _ in range(10)))
    assert len({one.id for one in made}) == 1
    assert {one.id async for one in cal.webhooks.list()} == {other.id, made[0].id}
