"""The router and the receiver: which handlers run, what is returned, and slow or failing handlers."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest
from hypothesis import given, strategies as st
from signed_requests import SECRET, signed_request, webhook_body
from virtual_time import run

from calcom_async.errors import ConfigError, InvalidRequestError
from calcom_async.webhooks import InMemoryDeduplicator, WebhookReceiver, WebhookRouter, parse, sign


class Recorder:
    """A router with one slow handler, which fails for uids that begin with "bad" and records the others."""

    def __init__(self, seconds: float = 0) -> None:
        self.router = WebhookRouter()
        self.router.on_any(self.handle)
        self.seconds = seconds
        self.started: list[str] = []
        self.uids: list[str] = []
        self.cancelled: list[str] = []

    async def handle(self, event: Any) -> None:
        self.started.append(event.uid)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled.append(event.uid)
            raise
        if event.uid.startswith("bad"):
            raise ValueError(event.uid)
        self.uids.append(event.uid)

    def receiver(self, **settings: Any) -> WebhookReceiver:
        return WebhookReceiver(self.router, **{"secrets": SECRET} | settings)


async def wait_handled(receiver: WebhookReceiver) -> None:
    """Wait until every accepted event is handled."""
    while receiver.pending:  # noqa: ASYNC110 - in virtual time, or a few iterations of the loop
        await asyncio.sleep(0.01)


# --- the router


async def test_the_order_of_handlers():
    """Handlers of a trigger run in the order of registration, then those of any trigger; both may be plain or async."""
    router, calls = WebhookRouter(), []

    @router.on_any
    def handle_any(event: Any) -> None:
        calls.append(("any", event.trigger))

    @router.on("BOOKING_CREATED", "BOOKING_PAID")
    async def booked(event: Any) -> None:
        calls.append(("booked", event.trigger))

    @router.on("BOOKING_PAID")
    def paid(event: Any) -> None:
        calls.append(("paid", event.trigger))

    for trigger in ("BOOKING_CREATED", "BOOKING_PAID", "NEW"):
        await router.dispatch(parse(webhook_body(trigger=trigger)))
    await router.dispatch(parse(b"text", "text/plain"))
    assert calls == [
        ("booked", "BOOKING_CREATED"),
        ("any", "BOOKING_CREATED"),
        ("booked", "BOOKING_PAID"),
        ("paid", "BOOKING_PAID"),
        ("any", "BOOKING_PAID"),
        ("any", "NEW"),
        ("any", ""),
    ]
    assert callable(booked), "a decorated handler is still itself"


async def test_all_handlers_run_despite_errors():
    """All handlers run; their errors are raised as one group. A cancelled future in a handler is an error."""
    router, events = WebhookRouter(), []

    @router.on_any
    def fail(event: Any) -> None:
        raise ValueError("first")

    @router.on_any
    async def await_cancelled(event: Any) -> None:
        never = asyncio.get_running_loop().create_future()
        never.cancel()
        await never

    router.on_any(events.append)
    with pytest.raises(ExceptionGroup, match="2 handlers of <WebhookEvent BOOKING_CREATED") as caught:
        await router.dispatch(parse(webhook_body()))
    assert [type(error) for error in caught.value.exceptions] == [ValueError, RuntimeError]
    assert len(events) == 1


async def test_cancelling_a_dispatch_ends_it():
    """A cancelled dispatch does not run the next handler."""
    recorder = Recorder(seconds=60)
    after: list[Any] = []
    recorder.router.on_any(after.append)
    task = asyncio.create_task(recorder.router.dispatch(parse(webhook_body())))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (recorder.cancelled, after) == (["bK1"], [])


@pytest.mark.parametrize("triggers", [(), (print,)])
def test_on_without_triggers(triggers):
    """`@router.on` without triggers is an error."""
    with pytest.raises(ConfigError, match=r'@router\.on\("BOOKING_CREATED"\)'):
        WebhookRouter().on(*triggers)


# --- responses


@pytest.mark.parametrize(
    ("delivery", "status"),
    [
        (signed_request(webhook_body()), 200),
        (signed_request(webhook_body(), "older"), 200),
        (({"x-cal-SIGNATURE-256": sign(webhook_body(), SECRET)}, webhook_body()), 200),
        (signed_request(b"a=b", **{"Content-Type": "application/x-www-form-urlencoded"}), 200),
        (signed_request(webhook_body(), "stolen"), 401),
        ((signed_request(webhook_body())[0], webhook_body("bK2")), 401),
        (({}, webhook_body()), 401),
        (({"X-Cal-Signature-256": "no-secret-provided"}, webhook_body()), 401),
        (signed_request(b"x" * 1001), 413),
        (signed_request(b"x" * 1000), 400),
        (signed_request(b"{"), 400),
    ],
)
async def test_responses(delivery, status):
    """Each delivery gets its status, whatever the case of its headers; only deliveries with a 200 are handled."""
    events: list[Any] = []
    router = WebhookRouter()
    router.on_any(events.append)
    async with WebhookReceiver(router, secrets=[SECRET, "older"], max_body=1000) as receiver:
        assert receiver.receive(*delivery)[0] == status
        assert events == [], "the answer does not wait for the handlers"
    assert len(events) == (status == 200)


async def test_no_secret_is_shown(caplog):
    """No response, log record or repr contains a secret or the right signature."""
    caplog.set_level(logging.DEBUG, "calcom_async")
    async with Recorder().receiver(secrets=[SECRET, "older"]) as receiver:
        deliveries = (
            signed_request(webhook_body("bad")),
            signed_request(webhook_body(), "stolen"),
            ({}, webhook_body()),
            signed_request(b"{"),
        )
        texts = [receiver.receive(*delivery)[1] for delivery in deliveries] + [repr(receiver)]
    words = (
        SECRET,
        "older",
        "stolen",
        sign(webhook_body("bad"), SECRET),
        sign(webhook_body(), SECRET),
        sign(webhook_body(), "stolen"),
    )
    assert not [word for word in words if word in caplog.text + "".join(texts)]
    assert "does not match the body with any of the 2 secrets" in caplog.text


@pytest.mark.parametrize(
    "settings",
    [
        {"secrets": ""},
        {"secrets": []},
        {"secrets": None},
        {"max_body": 0},
        {"max_pending": 0},
        {"max_pending": None},
        {"concurrency": 0},
        {"concurrency": "8"},
        {"shutdown_timeout": -1},
        {"shutdown_timeout": float("nan")},
    ],
)
def test_settings_are_checked(settings):
    """Invalid settings, or no secret, are a ConfigError."""
    with pytest.raises(ConfigError):
        Recorder().receiver(**settings)


async def test_a_receiver_that_does_not_run(caplog):
    """Before `start` and after `stop` the receiver returns 503 and logs an error with the lost event."""
    recorder = Recorder()
    receiver = recorder.receiver()
    assert receiver.receive(*signed_request(webhook_body())) == (503, "not running")
    async with receiver:
        with pytest.raises(ConfigError, match="running already"):
            await receiver.start()
        assert receiver.receive(*signed_request(webhook_body("bK2")))[0] == 200
    assert receiver.receive(*signed_request(webhook_body("bK3"))) == (503, "not running")
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "bK1" in caplog.text
    async with receiver:
        receiver.receive(*signed_request(webhook_body("bK4")))
    assert recorder.uids == ["bK2", "bK4"]


# --- handlers in the background


def test_slow_handlers_do_not_delay_responses():
    """Responses are immediate; at most `concurrency` events are handled at once, in the order of arrival."""

    async def scene() -> None:
        recorder, now = Recorder(seconds=10), asyncio.get_running_loop().time
        async with recorder.receiver(concurrency=3) as receiver:
            started = now()
            for number in range(9):
                assert receiver.receive(*signed_request(webhook_body(str(number))))[0] == 200
            assert now() == started
            await asyncio.sleep(11)
            assert (sorted(recorder.uids), receiver.pending) == (["0", "1", "2"], 6)
            await wait_handled(receiver)
        assert now() - started == pytest.approx(30, abs=0.1)
        assert recorder.started == [str(number) for number in range(9)]

    run(scene())


def test_a_full_queue(caplog):
    """With `max_pending` events the receiver returns 503 and logs each rejection, until there is room again."""

    async def scene() -> None:
        recorder = Recorder(seconds=10)
        async with recorder.receiver(max_pending=3, concurrency=2) as receiver:
            statuses = [receiver.receive(*signed_request(webhook_body(str(number))))[0] for number in range(5)]
            assert statuses == [200, 200, 200, 503, 503]
            await asyncio.sleep(11)
            assert receiver.receive(*signed_request(webhook_body("5")))[0] == 200
        assert recorder.started == ["0", "1", "2", "5"]
        assert sorted(recorder.uids) == recorder.started

    run(scene())
    assert [record.args[0].uid for record in caplog.records] == ["3", "4"]


async def test_an_event_rejected_by_a_full_queue_is_no_duplicate():
    """An event that was rejected because of a full queue is not dropped as a duplicate later."""
    recorder = Recorder()
    async with recorder.receiver(max_pending=1, deduplicate=InMemoryDeduplicator()) as receiver:
        assert receiver.receive(*signed_request(webhook_body("1")))[0] == 200
        assert receiver.receive(*signed_request(webhook_body("2")))[0] == 503
        await wait_handled(receiver)
        assert receiver.receive(*signed_request(webhook_body("2")))[0] == 200
    assert recorder.uids == ["1", "2"]


@pytest.mark.parametrize("hook", ["function", "coroutine", "failing", None])
async def test_failing_handlers(hook, caplog):
    """An error of a handler is logged with its traceback and passed to `on_error`; other events are handled."""
    reported: list[Any] = []

    def on_error(error: Exception, event: Any) -> None:
        reported.append((error.args, event.uid))
        if hook == "failing":
            raise RuntimeError("so does this")

    async def on_error_later(error: Exception, event: Any) -> None:
        await asyncio.sleep(0)
        on_error(error, event)

    hooks = {"function": on_error, "coroutine": on_error_later, "failing": on_error, None: None}
    recorder = Recorder()
    async with recorder.receiver(on_error=hooks[hook], concurrency=1) as receiver:
        for uid in ("1", "bad-2", "3", "bad-4", "5"):
            receiver.receive(*signed_request(webhook_body(uid)))
    assert recorder.uids == ["1", "3", "5"]
    assert reported == ([(("bad-2",), "bad-2"), (("bad-4",), "bad-4")] if hook else [])
    failures = [record for record in caplog.records if "a handler of" in record.getMessage()]
    assert [record.exc_info[0] for record in failures] == [ValueError, ValueError]
    assert caplog.text.count("on_error failed as well") == (2 if hook == "failing" else 0)


# --- other threads


async def test_deliveries_from_other_threads():
    """Other threads can pass deliveries, as in a WSGI server; handlers run in the receiver's event loop."""
    threads, recorder = [], Recorder()
    recorder.router.on_any(lambda event: threads.append(threading.current_thread()))
    async with recorder.receiver(max_pending=10) as receiver:
        statuses = await asyncio.gather(
            *(asyncio.to_thread(receiver.receive, *signed_request(webhook_body(str(number)))) for number in range(10))
        )
        assert [status for status, _ in statuses] == [200] * 10
        await wait_handled(receiver)
        thread = threading.Thread(target=receiver.receive, args=signed_request(webhook_body("last")))
        thread.start()
        thread.join()
        assert receiver.pending == 1, "the thread is done before the loop has had a turn"
    assert sorted(recorder.uids) == sorted([*map(str, range(10)), "last"])
    assert {*threads} == {threading.main_thread()}
    assert (await asyncio.to_thread(receiver.receive, *signed_request(webhook_body())))[0] == 503


async def test_threads_cannot_overfill_the_queue():
    """The queue has its maximum even if a thread is faster than the event loop."""
    recorder = Recorder()
    async with recorder.receiver(max_pending=3) as receiver:

        def deliver() -> None:
            statuses.extend(receiver.receive(*signed_request(webhook_body(str(number))))[0] for number in range(5))

        statuses: list[int] = []
        thread = threading.Thread(target=deliver)
        thread.start()
        thread.join()
        assert statuses == [200, 200, 200, 503, 503]
    assert recorder.uids == ["0", "1", "2"]


def test_a_receiver_of_a_closed_event_loop():
    """A receiver that was not stopped returns 503 after its event loop was closed."""
    receiver = Recorder().receiver()
    asyncio.run(receiver.start())
    assert receiver.receive(*signed_request(webhook_body())) == (503, "not running")


# --- duplicates


@pytest.mark.parametrize("is_async", [False, True])
async def test_duplicates_are_handled_once(is_async):
    """`deduplicate`, plain or async, decides by the key; an event without a key is always handled."""
    deduplicator, keys = InMemoryDeduplicator(), []

    def is_duplicate(key: str) -> bool:
        keys.append(key)
        return deduplicator(key)

    async def is_duplicate_async(key: str) -> bool:
        await asyncio.sleep(0)
        return is_duplicate(key)

    events: list[Any] = []
    router = WebhookRouter()
    router.on_any(events.append)
    async with WebhookReceiver(
        router, secrets=SECRET, concurrency=1, deduplicate=is_duplicate_async if is_async else is_duplicate
    ) as receiver:
        for raw in (webhook_body("1"), webhook_body("1"), webhook_body("2"), b"[]", b"[]", webhook_body("1")):
            assert receiver.receive(*signed_request(raw))[0] == 200
    assert [event.uid for event in events] == ["1", "2", None, None]
    assert keys == [f"BOOKING_CREATED {uid} 2031-03-03T08:00:00Z" for uid in "1121"]


async def test_an_empty_deduplicator_is_used():
    """`InMemoryDeduplicator()` is empty and so falsy at first, and still drops duplicates."""
    recorder, deduplicator = Recorder(), InMemoryDeduplicator()
    async with recorder.receiver(deduplicate=deduplicator) as receiver:
        for _ in range(3):
            receiver.receive(*signed_request(webhook_body()))
            await wait_handled(receiver)
    assert (recorder.uids, len(deduplicator)) == (["bK1"], 1)


async def test_falsy_callbacks():
    """A callback is called whatever its truth value is."""

    class Empty(list[Any]):
        def __call__(self, *arguments: Any) -> None:
            assert not self
            called.append(arguments)

    called: list[Any] = []
    recorder = Recorder()
    async with recorder.receiver(deduplicate=Empty(), on_error=Empty()) as receiver:
        receiver.receive(*signed_request(webhook_body("bad")))
    assert [len(arguments) for arguments in called] == [1, 2]


def test_a_delivery_in_progress_is_a_duplicate():
    """A duplicate is dropped while the first one is handled, even if the deduplicator has forgotten it."""

    async def scene() -> None:
        recorder, deduplicator = Recorder(seconds=5), InMemoryDeduplicator(size=1)
        async with recorder.receiver(deduplicate=deduplicator) as receiver:
            for uid in ("1", "2", "1", "2", "1"):
                receiver.receive(*signed_request(webhook_body(uid)))
                await asyncio.sleep(0.1)
        assert recorder.started == recorder.uids == ["1", "2"]

    run(scene())


@pytest.mark.parametrize("store", ["function", "coroutine", "failing"])
async def test_a_failed_delivery_is_handled_again(store, caplog):
    """After a failure the key is forgotten; an error of `forget` is logged."""

    class Store(InMemoryDeduplicator):
        if store == "coroutine":

            async def forget(self, key: str) -> None:
                await asyncio.sleep(0)
                super().forget(key)

        if store == "failing":

            def forget(self, key: str) -> None:
                raise ConnectionError("store down")

    recorder = Recorder()
    async with recorder.receiver(deduplicate=Store()) as receiver:
        for uid in ("bad", "good", "bad", "good"):
            receiver.receive(*signed_request(webhook_body(uid)))
            await wait_handled(receiver)
    assert recorder.started == (["bad", "good"] if store == "failing" else ["bad", "good", "bad"])
    assert ("store down" in caplog.text) is (store == "failing")


def test_a_cancelled_delivery_is_handled_again():
    """The key of an event that was cancelled on shutdown is forgotten, if the deduplicator has `forget`."""

    async def scene() -> None:
        recorder, deduplicator = Recorder(seconds=5), InMemoryDeduplicator()
        async with recorder.receiver(deduplicate=deduplicator, shutdown_timeout=1) as receiver:
            receiver.receive(*signed_request(webhook_body()))
        async with recorder.receiver(deduplicate=deduplicator) as receiver:
            receiver.receive(*signed_request(webhook_body()))
        async with recorder.receiver(deduplicate=deduplicator.__call__, shutdown_timeout=1) as receiver:
            receiver.receive(*signed_request(webhook_body("2")))
        async with recorder.receiver(deduplicate=deduplicator) as receiver:
            receiver.receive(*signed_request(webhook_body("2")))
        assert (recorder.started, recorder.cancelled, recorder.uids) == (["bK1", "bK1", "2"], ["bK1", "2"], ["bK1"])

    run(scene())


async def test_a_failing_deduplicator(caplog):
    """If the deduplicator raises, the event is handled and the error logged."""

    def fail(key: str) -> bool:
        raise ConnectionError("store down")

    recorder = Recorder()
    async with recorder.receiver(deduplicate=fail) as receiver:
        receiver.receive(*signed_request(webhook_body()))
    assert recorder.uids == ["bK1"]
    assert "store down" in caplog.text


def test_in_memory_deduplicator():
    """A key is known for `ttl` seconds; beyond `size` keys the oldest is dropped."""
    now = [0.0]
    deduplicator = InMemoryDeduplicator(size=2, ttl=10, clock=lambda: now[0])
    assert [deduplicator("a"), deduplicator("a")] == [False, True]
    now[0] = 9
    assert [deduplicator("a"), deduplicator("b")] == [True, False]
    now[0] = 10
    assert [deduplicator("b"), deduplicator("a")] == [True, False]
    assert [deduplicator("c"), deduplicator("a"), deduplicator("b"), len(deduplicator)] == [False, True, False, 2]
    for invalid in ({"size": 0}, {"size": "9"}, {"ttl": 0}, {"ttl": None}):
        with pytest.raises(ConfigError):
            InMemoryDeduplicator(**invalid)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 5))), st.integers(1, 4), st.integers(1, 8))
def test_in_memory_deduplicator_against_a_model(steps, size, ttl):
    """It returns the same results as a list that is searched, and never has more than `size` keys."""
    now, known_keys = [0], []
    deduplicator = InMemoryDeduplicator(size, ttl, clock=lambda: now[0])
    for key, pause in steps:
        now[0] += pause
        known_keys = [(known_key, added_at) for known_key, added_at in known_keys if added_at + ttl > now[0]]
        known = key in dict(known_keys)
        assert deduplicator(key) is known
        known_keys = known_keys if known else [*known_keys, (key, now[0])][-size:]
        assert len(deduplicator) == len(known_keys)


# --- shutdown


def test_shutdown_waits_for_handlers():
    """On shutdown accepted events are handled, and no more are accepted."""

    async def scene() -> None:
        recorder, late = Recorder(seconds=5), []
        receiver = recorder.receiver(concurrency=1, shutdown_timeout=30)
        async with receiver:
            for uid in "123":
                receiver.receive(*signed_request(webhook_body(uid)))
            asyncio.get_running_loop().call_later(
                1, lambda: late.append(receiver.receive(*signed_request(webhook_body("4"))))
            )
        assert (recorder.uids, recorder.cancelled, late) == (["1", "2", "3"], [], [(503, "not running")])

    run(scene())


@pytest.mark.parametrize(("timeout", "handled"), [(0, []), (7, ["1"])])
def test_shutdown_timeout(timeout, handled, caplog):
    """After `shutdown_timeout` seconds handlers are cancelled and the number of lost events is logged."""

    async def scene() -> None:
        recorder, now = Recorder(seconds=5), asyncio.get_running_loop().time
        async with recorder.receiver(concurrency=1, shutdown_timeout=timeout) as receiver:
            for uid in "123":
                receiver.receive(*signed_request(webhook_body(uid)))
            await asyncio.sleep(0)
            started = now()
        assert now() - started == pytest.approx(timeout, abs=0.1)
        assert recorder.uids == handled
        assert recorder.cancelled == [["1", "2"][len(handled)]]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scene())
    assert f"{3 - len(handled)} events unfinished" in caplog.text


def test_a_cancelled_stop():
    """If `stop` is cancelled, it cancels the handlers and leaves no task."""

    async def scene() -> None:
        recorder = Recorder(seconds=60)
        receiver = recorder.receiver()
        await receiver.start()
        receiver.receive(*signed_request(webhook_body()))
        stopping = asyncio.create_task(receiver.stop())
        await asyncio.sleep(1)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        assert recorder.cancelled == ["bK1"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scene())


@pytest.mark.parametrize(
    ("headers", "sent"),
    [({}, None), ({}, "text"), (None, b""), ([("Content-Type", "text/plain")], b""), ({b"Content-Type": b""}, b"")],
)
def test_invalid_arguments(headers, sent):
    """Headers or a body of a wrong type are an error that names the argument."""
    with pytest.raises(InvalidRequestError, match=r"^(headers|body) must be "):
        WebhookReceiver(WebhookRouter(), secrets=SECRET).receive(headers, sent)
