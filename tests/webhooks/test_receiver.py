"""The router and the receiver: which handlers run, what the sender is answered, and slow or failing handlers."""

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


class Heard:
    """A router with one handler, which takes its time, fails for uids that begin with "bad" and keeps what it heard."""

    def __init__(self, seconds: float = 0) -> None:
        self.router = WebhookRouter()
        self.router.on_any(self.hear)
        self.seconds = seconds
        self.begun: list[str] = []
        self.uids: list[str] = []
        self.cancelled: list[str] = []

    async def hear(self, event: Any) -> None:
        self.begun.append(event.uid)
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


async def idle(receiver: WebhookReceiver) -> None:
    """Until everything accepted is handled."""
    while receiver.pending:  # noqa: ASYNC110 - it is virtual time, or a loop or two
        await asyncio.sleep(0.01)


# --- the router


async def test_who_hears_of_what():
    """Handlers of a trigger hear of it in the order of registration, then those of any; both kinds of function do."""
    router, heard = WebhookRouter(), []

    @router.on_any
    def any_one(event: Any) -> None:
        heard.append(("any", event.trigger))

    @router.on("BOOKING_CREATED", "BOOKING_PAID")
    async def booked(event: Any) -> None:
        heard.append(("booked", event.trigger))

    @router.on("BOOKING_PAID")
    def paid(event: Any) -> None:
        heard.append(("paid", event.trigger))

    for trigger in ("BOOKING_CREATED", "BOOKING_PAID", "NEW"):
        await router.dispatch(parse(webhook_body(trigger=trigger)))
    await router.dispatch(parse(b"text", "text/plain"))
    assert heard == [
        ("booked", "BOOKING_CREATED"),
        ("any", "BOOKING_CREATED"),
        ("booked", "BOOKING_PAID"),
        ("paid", "BOOKING_PAID"),
        ("any", "BOOKING_PAID"),
        ("any", "NEW"),
        ("any", ""),
    ]
    assert callable(booked), "a decorated handler is still itself"


async def test_a_failing_handler_keeps_nobody_from_hearing():
    """All handlers run; what they raised comes out together, also what a task that one waited for was cancelled by."""
    router, heard = WebhookRouter(), []

    @router.on_any
    def wrong(event: Any) -> None:
        raise ValueError("first")

    @router.on_any
    async def cut(event: Any) -> None:
        never = asyncio.get_running_loop().create_future()
        never.cancel()
        await never

    router.on_any(heard.append)
    with pytest.raises(ExceptionGroup, match="2 handlers of <WebhookEvent BOOKING_CREATED") as caught:
        await router.dispatch(parse(webhook_body()))
    assert [type(error) for error in caught.value.exceptions] == [ValueError, RuntimeError]
    assert len(heard) == 1


async def test_cancelling_a_dispatch_ends_it():
    """A dispatch that is cancelled itself does not go on with the next handler."""
    heard = Heard(seconds=60)
    after: list[Any] = []
    heard.router.on_any(after.append)
    task = asyncio.create_task(heard.router.dispatch(parse(webhook_body())))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (heard.cancelled, after) == (["bK1"], [])


@pytest.mark.parametrize("triggers", [(), (print,)])
def test_on_without_triggers(triggers):
    """`@router.on` without its triggers is refused where it stands."""
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
async def test_answers(delivery, status):
    """Each delivery has its status, whatever the case of its headers; only what is answered with 200 is handled."""
    events: list[Any] = []
    router = WebhookRouter()
    router.on_any(events.append)
    async with WebhookReceiver(router, secrets=[SECRET, "older"], max_body=1000) as receiver:
        assert receiver.receive(*delivery)[0] == status
        assert events == [], "the answer does not wait for the handlers"
    assert len(events) == (status == 200)


async def test_no_secret_is_told(caplog):
    """No answer, log record or repr holds a secret or the signature that would have been right."""
    caplog.set_level(logging.DEBUG, "calcom_async")
    async with Heard().receiver(secrets=[SECRET, "older"]) as receiver:
        deliveries = (
            signed_request(webhook_body("bad")),
            signed_request(webhook_body(), "stolen"),
            ({}, webhook_body()),
            signed_request(b"{"),
        )
        told = [receiver.receive(*delivery)[1] for delivery in deliveries] + [repr(receiver)]
    words = (
        SECRET,
        "older",
        "stolen",
        sign(webhook_body("bad"), SECRET),
        sign(webhook_body(), SECRET),
        sign(webhook_body(), "stolen"),
    )
    assert not [word for word in words if word in caplog.text + "".join(told)]
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
    """A receiver that could not work, or would let everybody in, cannot be made."""
    with pytest.raises(ConfigError):
        Heard().receiver(**settings)


async def test_a_receiver_that_does_not_run(caplog):
    """Before it is started and after it was stopped it answers 503 and says loudly what was lost and why."""
    heard = Heard()
    receiver = heard.receiver()
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
    assert heard.uids == ["bK2", "bK4"]


# --- handlers in the background


def test_slow_handlers_hold_up_no_answer():
    """Answers take no time; so many events at a time are handled, in the order in which they came."""

    async def scene() -> None:
        heard, now = Heard(seconds=10), asyncio.get_running_loop().time
        async with heard.receiver(concurrency=3) as receiver:
            started = now()
            for number in range(9):
                assert receiver.receive(*signed_request(webhook_body(str(number))))[0] == 200
            assert now() == started
            await asyncio.sleep(11)
            assert (sorted(heard.uids), receiver.pending) == (["0", "1", "2"], 6)
            await idle(receiver)
        assert now() - started == pytest.approx(30, abs=0.1)
        assert heard.begun == [str(number) for number in range(9)]

    run(scene())


def test_a_full_queue(caplog):
    """With so many events accepted and not yet handled it answers 503 and logs each; with room again it accepts."""

    async def scene() -> None:
        heard = Heard(seconds=10)
        async with heard.receiver(max_pending=3, concurrency=2) as receiver:
            statuses = [receiver.receive(*signed_request(webhook_body(str(number))))[0] for number in range(5)]
            assert statuses == [200, 200, 200, 503, 503]
            await asyncio.sleep(11)
            assert receiver.receive(*signed_request(webhook_body("5")))[0] == 200
        assert heard.begun == ["0", "1", "2", "5"]
        assert sorted(heard.uids) == heard.begun

    run(scene())
    assert [record.args[0].uid for record in caplog.records] == ["3", "4"]


async def test_a_full_queue_forgets_nothing():
    """What was refused for lack of room is not taken for a repeat when it comes again."""
    heard = Heard()
    async with heard.receiver(max_pending=1, deduplicate=InMemoryDeduplicator()) as receiver:
        assert receiver.receive(*signed_request(webhook_body("1")))[0] == 200
        assert receiver.receive(*signed_request(webhook_body("2")))[0] == 503
        await idle(receiver)
        assert receiver.receive(*signed_request(webhook_body("2")))[0] == 200
    assert heard.uids == ["1", "2"]


@pytest.mark.parametrize("hook", ["function", "coroutine", "failing", None])
async def test_failing_handlers(hook, caplog):
    """A handler that fails is logged with its traceback and told to `on_error`; the others go on in any case."""
    told: list[Any] = []

    def on_error(error: Exception, event: Any) -> None:
        told.append((error.args, event.uid))
        if hook == "failing":
            raise RuntimeError("so does this")

    async def on_error_later(error: Exception, event: Any) -> None:
        await asyncio.sleep(0)
        on_error(error, event)

    hooks = {"function": on_error, "coroutine": on_error_later, "failing": on_error, None: None}
    heard = Heard()
    async with heard.receiver(on_error=hooks[hook], concurrency=1) as receiver:
        for uid in ("1", "bad-2", "3", "bad-4", "5"):
            receiver.receive(*signed_request(webhook_body(uid)))
    assert heard.uids == ["1", "3", "5"]
    assert told == ([(("bad-2",), "bad-2"), (("bad-4",), "bad-4")] if hook else [])
    failures = [record for record in caplog.records if "a handler of" in record.getMessage()]
    assert [record.exc_info[0] for record in failures] == [ValueError, ValueError]
    assert caplog.text.count("on_error failed as well") == (2 if hook == "failing" else 0)


# --- other threads


async def test_deliveries_from_other_threads():
    """Threads, such as those of a WSGI server, hand over deliveries; the handlers run in the receiver's event loop."""
    threads, heard = [], Heard()
    heard.router.on_any(lambda event: threads.append(threading.current_thread()))
    async with heard.receiver(max_pending=10) as receiver:
        statuses = await asyncio.gather(
            *(asyncio.to_thread(receiver.receive, *signed_request(webhook_body(str(number)))) for number in range(10))
        )
        assert [status for status, _ in statuses] == [200] * 10
        await idle(receiver)
        handed_over = threading.Thread(target=receiver.receive, args=signed_request(webhook_body("last")))
        handed_over.start()
        handed_over.join()
        assert receiver.pending == 1, "the thread is done before the loop has had a turn"
    assert sorted(heard.uids) == sorted([*map(str, range(10)), "last"])
    assert {*threads} == {threading.main_thread()}
    assert (await asyncio.to_thread(receiver.receive, *signed_request(webhook_body())))[0] == 503


async def test_threads_cannot_overfill_the_queue():
    """The queue holds as many events as it was made for, also if a thread is faster than the event loop."""
    heard = Heard()
    async with heard.receiver(max_pending=3) as receiver:

        def deliver() -> None:
            statuses.extend(receiver.receive(*signed_request(webhook_body(str(number))))[0] for number in range(5))

        statuses: list[int] = []
        thread = threading.Thread(target=deliver)
        thread.start()
        thread.join()
        assert statuses == [200, 200, 200, 503, 503]
    assert heard.uids == ["0", "1", "2"]


def test_a_receiver_whose_loop_is_closed_does_not_run():
    """A receiver that was never stopped refuses deliveries after the end of its event loop."""
    receiver = Heard().receiver()
    asyncio.run(receiver.start())
    assert receiver.receive(*signed_request(webhook_body())) == (503, "not running")


# --- duplicates


@pytest.mark.parametrize("later", [False, True])
async def test_repeats_are_handled_once(later):
    """`deduplicate`, a function or a coroutine function, decides by the key; what has no key is always handled."""
    recent, asked = InMemoryDeduplicator(), []

    def seen(key: str) -> bool:
        asked.append(key)
        return recent(key)

    async def seen_later(key: str) -> bool:
        await asyncio.sleep(0)
        return seen(key)

    events: list[Any] = []
    router = WebhookRouter()
    router.on_any(events.append)
    async with WebhookReceiver(
        router, secrets=SECRET, concurrency=1, deduplicate=seen_later if later else seen
    ) as receiver:
        for raw in (webhook_body("1"), webhook_body("1"), webhook_body("2"), b"[]", b"[]", webhook_body("1")):
            assert receiver.receive(*signed_request(raw))[0] == 200
    assert [event.uid for event in events] == ["1", "2", None, None]
    assert asked == [f"BOOKING_CREATED {uid} 2031-03-03T08:00:00Z" for uid in "1121"]


async def test_recent_deliveries_are_asked_while_empty():
    """`deduplicate=InMemoryDeduplicator()`, which is empty and so falsy at first, drops what comes again."""
    heard, recent = Heard(), InMemoryDeduplicator()
    async with heard.receiver(deduplicate=recent) as receiver:
        for _ in range(3):
            receiver.receive(*signed_request(webhook_body()))
            await idle(receiver)
    assert (heard.uids, len(recent)) == (["bK1"], 1)


async def test_callbacks_may_be_objects_that_are_falsy():
    """A callback is used whatever its truth value is."""

    class Empty(list[Any]):
        def __call__(self, *told: Any) -> None:
            assert not self
            called.append(told)

    called: list[Any] = []
    heard = Heard()
    async with heard.receiver(deduplicate=Empty(), on_error=Empty()) as receiver:
        receiver.receive(*signed_request(webhook_body("bad")))
    assert [len(told) for told in called] == [1, 2]


def test_a_delivery_in_progress_counts_as_seen():
    """What comes again while its handler runs is dropped, even if the store has no place to remember it."""

    async def scene() -> None:
        heard, recent = Heard(seconds=5), InMemoryDeduplicator(size=1)
        async with heard.receiver(deduplicate=recent) as receiver:
            for uid in ("1", "2", "1", "2", "1"):
                receiver.receive(*signed_request(webhook_body(uid)))
                await asyncio.sleep(0.1)
        assert heard.begun == heard.uids == ["1", "2"]

    run(scene())


@pytest.mark.parametrize("store", ["function", "coroutine", "failing"])
async def test_a_delivery_whose_handler_failed_is_handled_again(store, caplog):
    """After a failure the key is forgotten; if the store cannot do that, it is logged and nothing else happens."""

    class Store(InMemoryDeduplicator):
        if store == "coroutine":

            async def forget(self, key: str) -> None:
                await asyncio.sleep(0)
                super().forget(key)

        if store == "failing":

            def forget(self, key: str) -> None:
                raise ConnectionError("store down")

    heard = Heard()
    async with heard.receiver(deduplicate=Store()) as receiver:
        for uid in ("bad", "good", "bad", "good"):
            receiver.receive(*signed_request(webhook_body(uid)))
            await idle(receiver)
    assert heard.begun == (["bad", "good"] if store == "failing" else ["bad", "good", "bad"])
    assert ("store down" in caplog.text) is (store == "failing")


def test_a_delivery_that_was_cut_short_is_handled_again():
    """An event that was cancelled when the receiver stopped is forgotten; a store without `forget` keeps it."""

    async def scene() -> None:
        heard, recent = Heard(seconds=5), InMemoryDeduplicator()
        async with heard.receiver(deduplicate=recent, shutdown_timeout=1) as receiver:
            receiver.receive(*signed_request(webhook_body()))
        async with heard.receiver(deduplicate=recent) as receiver:
            receiver.receive(*signed_request(webhook_body()))
        async with heard.receiver(deduplicate=recent.__call__, shutdown_timeout=1) as receiver:
            receiver.receive(*signed_request(webhook_body("2")))
        async with heard.receiver(deduplicate=recent) as receiver:
            receiver.receive(*signed_request(webhook_body("2")))
        assert (heard.begun, heard.cancelled, heard.uids) == (["bK1", "bK1", "2"], ["bK1", "2"], ["bK1"])

    run(scene())


async def test_a_store_that_fails_loses_nothing(caplog):
    """Where nobody can tell whether an event came before, it is handled and the trouble logged."""

    def seen(key: str) -> bool:
        raise ConnectionError("store down")

    heard = Heard()
    async with heard.receiver(deduplicate=seen) as receiver:
        receiver.receive(*signed_request(webhook_body()))
    assert heard.uids == ["bK1"]
    assert "store down" in caplog.text


def test_recent_deliveries():
    """A key is known for `ttl` seconds from its first sight, and the oldest gives way to the one above `size`."""
    now = [0.0]
    recent = InMemoryDeduplicator(size=2, ttl=10, clock=lambda: now[0])
    assert [recent("a"), recent("a")] == [False, True]
    now[0] = 9
    assert [recent("a"), recent("b")] == [True, False]
    now[0] = 10
    assert [recent("b"), recent("a")] == [True, False]
    assert [recent("c"), recent("a"), recent("b"), len(recent)] == [False, True, False, 2]
    for wrong in ({"size": 0}, {"size": "9"}, {"ttl": 0}, {"ttl": None}):
        with pytest.raises(ConfigError):
            InMemoryDeduplicator(**wrong)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 5))), st.integers(1, 4), st.integers(1, 8))
def test_recent_deliveries_against_a_model(steps, size, ttl):
    """Whatever comes whenever, it answers as a list that is searched through does, and never holds more than `size`."""
    now, kept = [0], []
    recent = InMemoryDeduplicator(size, ttl, clock=lambda: now[0])
    for key, pause in steps:
        now[0] += pause
        kept = [(one, at) for one, at in kept if at + ttl > now[0]]
        known = key in dict(kept)
        assert recent(key) is known
        kept = kept if known else [*kept, (key, now[0])][-size:]
        assert len(recent) == len(kept)


# --- shutdown


def test_leaving_lets_handlers_end():
    """What was accepted is handled before the receiver is left; meanwhile nothing more is accepted."""

    async def scene() -> None:
        heard, late = Heard(seconds=5), []
        receiver = heard.receiver(concurrency=1, shutdown_timeout=30)
        async with receiver:
            for uid in "123":
                receiver.receive(*signed_request(webhook_body(uid)))
            asyncio.get_running_loop().call_later(
                1, lambda: late.append(receiver.receive(*signed_request(webhook_body("4"))))
            )
        assert (heard.uids, heard.cancelled, late) == (["1", "2", "3"], [], [(503, "not running")])

    run(scene())


@pytest.mark.parametrize(("drain", "done"), [(0, []), (7, ["1"])])
def test_leaving_takes_no_longer_than_told(drain, done, caplog):
    """After `shutdown_timeout` seconds the rest is cancelled, the number of lost events logged, and no task is left."""

    async def scene() -> None:
        heard, now = Heard(seconds=5), asyncio.get_running_loop().time
        async with heard.receiver(concurrency=1, shutdown_timeout=drain) as receiver:
            for uid in "123":
                receiver.receive(*signed_request(webhook_body(uid)))
            await asyncio.sleep(0)
            started = now()
        assert now() - started == pytest.approx(drain, abs=0.1)
        assert heard.uids == done
        assert heard.cancelled == [["1", "2"][len(done)]]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scene())
    assert f"{3 - len(done)} events unfinished" in caplog.text


def test_stop_that_is_cancelled_leaves_no_task():
    """A service that is killed while it drains cancels the handlers and goes."""

    async def scene() -> None:
        heard = Heard(seconds=60)
        receiver = heard.receiver()
        await receiver.start()
        receiver.receive(*signed_request(webhook_body()))
        stopping = asyncio.create_task(receiver.stop())
        await asyncio.sleep(1)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        assert heard.cancelled == ["bK1"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scene())


@pytest.mark.parametrize(
    ("headers", "sent"),
    [({}, None), ({}, "text"), (None, b""), ([("Content-Type", "text/plain")], b""), ({b"Content-Type": b""}, b"")],
)
def test_odd_deliveries_are_refused(headers, sent):
    """A framework may give headers or a body in another form, which the error names."""
    with pytest.raises(InvalidRequestError, match=r"^(headers|body) must be "):
        WebhookReceiver(WebhookRouter(), secrets=SECRET).receive(headers, sent)
