"""No secret appears in a traceback: not in locals of any frame, nor in an error, its cause or its context."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import aiohttp
import pytest
from fakes import CutResponse, FakeSend, FakeServer, error_response, http_response, ok_response
from redis.asyncio import Redis

from calcom_async import (
    AccessToken,
    ApiKey,
    Calcom,
    CalcomError,
    Config,
    FileTokenStore,
    PlatformClient,
    TokenStoreError,
)
from calcom_async.export.accounts import read_accounts
from calcom_async.middleware import authenticated
from calcom_async.redis_rate_limiter import RedisTokenBucket
from calcom_async.redis_token_store import RedisTokenStore
from calcom_async.requests import CallContext, Request
from calcom_async.webhooks import WebhookReceiver, WebhookRouter

MARK = "MARKEDSECRET"


def chain(error: BaseException | None, known: set[int] | None = None) -> Iterator[BaseException]:
    """Return an error with its causes and contexts."""
    known = set() if known is None else known
    if error is not None and id(error) not in known:
        known.add(id(error))
        yield error
        for other in (error.__cause__, error.__context__, *getattr(error, "exceptions", ())):
            yield from chain(other, known)


def frames(error: BaseException) -> Iterator[FrameType]:
    """Return the frames of its traceback, except those of this file."""
    step = error.__traceback__
    while step:
        if step.tb_frame.f_code.co_filename != __file__:
            yield step.tb_frame
        step = step.tb_next


def printed(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - an object that is not finished
        return ""


def leaks(error: BaseException) -> list[tuple[str, str]]:
    """Return where a traceback with locals, or the error itself, shows the secret."""
    variables = [
        (frame.f_code.co_name, name)
        for link in chain(error)
        for frame in frames(link)
        for name, value in frame.f_locals.items()
        if MARK in printed(value)
    ]
    texts = [(type(link).__name__, "itself") for link in chain(error) if MARK in f"{link!r} {link} {vars(link)}"]
    return variables + texts


async def hang(writer: asyncio.StreamWriter) -> None:
    """Send nothing until the connection is closed."""
    await writer.wait_closed()


async def caught(call: Awaitable[Any]) -> BaseException:
    try:
        await call
    except (CalcomError, TimeoutError, asyncio.CancelledError) as error:
        return error
    raise AssertionError("the call succeeded")


SETTINGS: dict[str, Any] = {"max_attempts": 1, "timeout": 5, "rate_limit": 10**6}


@pytest.mark.parametrize(
    "line",
    [
        CutResponse(b""),
        b"\0" * 50,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        CutResponse(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"),
        http_response(401, b"{}"),
        http_response(500, b"{}"),
        http_response(200, b'{"data":'),
    ],
    ids=["dropped", "garbage", "bad chunk", "half", "401", "500", "no JSON"],
)
@pytest.mark.parametrize(
    "credentials", [MARK, ApiKey(MARK), PlatformClient("client", MARK), AccessToken(MARK), lambda: MARK]
)
async def test_the_key_is_in_no_frame_of_a_failed_call(line, credentials):
    """Whatever the server returns, no frame holds the headers, not even a frame of aiohttp in a cause."""
    async with FakeServer(line) as server, Calcom(credentials, base_url=server.url, **SETTINGS) as cal:
        assert leaks(await caught(cal.me.get())) == []


async def test_headers_are_in_no_frame_of_a_failed_call():
    """The values of additional headers are hidden as the key is."""
    for line in (CutResponse(b""), http_response(500, b"{}")):
        async with FakeServer(line) as server, Calcom("cal_x", base_url=server.url, **SETTINGS) as cal:
            assert leaks(await caught(cal.with_options(headers={"X-Key": MARK}).me.get())) == []


async def test_the_key_is_in_no_frame_without_a_connection():
    """A refused connection and an unknown host name show no secret."""
    for url in ("http://127.0.0.1:1", "http://nowhere.localhost:1"):
        async with Calcom(MARK, base_url=url, **SETTINGS) as cal:
            assert leaks(await caught(cal.me.get())) == []


async def test_the_key_is_in_no_frame_after_a_timeout():
    """Our timeout, and a caller's timeout that cancels the call within aiohttp, show no secret."""
    async with FakeServer(hang) as server, Calcom(MARK, base_url=server.url, **SETTINGS | {"timeout": 0.05}) as cal:
        assert leaks(await caught(cal.me.get())) == []
    async with FakeServer(hang) as server, Calcom(MARK, base_url=server.url, **SETTINGS) as cal:
        call = asyncio.create_task(cal.me.get())
        while not server.received:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0)
        call.cancel()
        assert leaks(await caught(call)) == []


REJECTED = http_response(400, b'{"error":{"code":"B","message":"no"}}')
CALLS: dict[str, Callable[[Calcom], Awaitable[Any]]] = {
    "any body": lambda cal: cal.request("POST", "/v2/webhooks", body={"secret": MARK}),
    "webhook": lambda cal: cal.webhooks.create(subscriber_url="https://x.test/", triggers=[], secret=MARK),
    "webhook changed": lambda cal: cal.webhooks.update("w", secret=MARK),
    "webhook ensured": lambda cal: cal.webhooks.ensure("https://x.test/", [], secret=MARK),
    "OAuth2 code": lambda cal: cal.oauth2.token("c", code=MARK, redirect_uri="u", client_secret=MARK),
    "OAuth2 refresh": lambda cal: cal.oauth2.token("c", refresh_token=MARK, client_secret=MARK),
    "managed user": lambda cal: cal.oauth_clients.refresh("c", MARK),
    "Apple": lambda cal: cal.calendars.connect_apple(username="u", password=MARK),
    "feeds": lambda cal: cal.calendars.connect_ics(f"https://feeds.test/{MARK}.ics"),
    "calendar": lambda cal: cal.calendars.complete_connect("google", state=MARK, code=MARK),
    "Stripe": lambda cal: cal.stripe.complete_connect(state=MARK, code=MARK),
    "conferencing": lambda cal: cal.conferencing.complete_connect("zoom", state=MARK, code=MARK),
    "verification": lambda cal: cal.verified_resources.emails.verify("a@b.test", code=MARK),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_secret_arguments_are_in_no_frame(call):
    """A secret given to a method is hidden from its first line on, when the server rejects the call and when we do."""
    async with FakeServer(REJECTED) as server, Calcom("cal_x", base_url=server.url, **SETTINGS) as cal:
        assert leaks(await caught(call(cal))) == []
    assert leaks(await caught(call(Calcom("cal_x")))) == []


async def test_secret_arguments_that_cannot_be_sent_are_in_no_frame():
    """A secret that is rejected before anything is sent is not shown."""
    bad = f"{MARK}\n"
    cal = Calcom("cal_x")
    for call in (
        cal.request("POST", "/v2/webhooks", body={"secret": MARK, "bad": object()}),
        cal.webhooks.create(subscriber_url="https://x.test/", triggers=[], secret=bad),
        cal.oauth2.token("c", refresh_token=bad),
        cal.oauth_clients.refresh("c", bad),
        cal.calendars.connect_apple(username="u", password=bad),
        cal.stripe.complete_connect(state="s", code=bad),
        cal.verified_resources.phones.verify("+3519", code=bad),
    ):
        assert leaks(await caught(call)) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: Calcom(f"{MARK} x"),
        lambda: Calcom(MARK.encode()),
        lambda: Calcom(api_key=f"{MARK}\n"),
        lambda: Calcom(MARK, timeout=-1),
        lambda: Calcom(api_key=MARK, timeout=-1),
        lambda: Calcom("cal_x").with_credentials(f"{MARK}\n"),
        lambda: Calcom("cal_x", headers={"Host": MARK}),
        lambda: Calcom("cal_x", headers=[MARK]),
        lambda: Calcom.anonymous(headers={"Host": MARK}),
        lambda: Calcom("cal_x").with_options(headers={"X-Key": f"{MARK}\n"}),
        lambda: Calcom("cal_x").with_options(headers=f"X-Key: {MARK}"),
        lambda: Config(headers={"X-Key": f"{MARK}\n"}),
        lambda: Config(api_key=MARK, timeout=-1),
        lambda: Config(api_key=MARK.encode()),
        lambda: Calcom(api_key=MARK.encode()),
        lambda: Calcom(proxy=MARK.encode()),
        lambda: Calcom("cal_x", base_url=[MARK]),
        lambda: Config.from_env(api_key=[MARK]),
        lambda: Config(proxy=f"socks5://u:{MARK}@proxy:1"),
        lambda: Config(proxy=f"http://u:{MARK}@[proxy:1"),
        lambda: Config(proxy=f"http://u:{MARK}@proxy:99999"),
        lambda: Config(base_url=f"https://u:{MARK}@api.cal.com"),
        lambda: Config(base_url=f"https://u:{MARK}@[api.cal.com"),
        lambda: Calcom("cal_x", base_url=f"https://u:{MARK}@api.cal.com"),
        lambda: Config.from_env(api_key=MARK, timeout=-1),
        lambda: ApiKey(f"{MARK}\n"),
        lambda: ApiKey("cal_x").replace(f"{MARK}\n"),
        lambda: PlatformClient("c", f"{MARK} x"),
        lambda: PlatformClient(f"{MARK} x", "s"),
        lambda: AccessToken(f"{MARK}\n"),
        lambda: AccessToken(MARK, MARK),
        lambda: AccessToken("a", "r", client_id="c", client_secret=f"{MARK}\n"),
        lambda: RedisTokenBucket(f"redis://:{MARK}@[host"),
        lambda: RedisTokenBucket(f"redis://:{MARK}@host", fallback=7),
    ],
)
def test_a_secret_that_cannot_be_used_is_in_no_frame(make):
    """A constructor rejects a bad secret, or a bad setting next to a good secret, without showing it."""
    with pytest.raises(CalcomError) as error:
        make()
    assert leaks(error.value) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: Calcom("x", timeout=-1),
        lambda: Calcom(" x"),
        lambda: Config(timeout=-1),
        lambda: PlatformClient("c", "s "),
        lambda: PlatformClient("c ", "s"),
        lambda: AccessToken("a", expires_at="soon"),
        lambda: AccessToken("a", "r"),
        lambda: RedisTokenBucket("nowhere"),
        lambda: RedisTokenBucket("redis://host", fallback=7),
        lambda: Calcom("x").me._get(int, "/{}", ""),
        lambda: Calcom("x").organization(""),
        lambda: Calcom("x").bookings.list(take=0),
        lambda: Calcom("x").watch_slots([1], interval=0),
        lambda: Calcom("x").watch_bookings(interval=0),
        lambda: WebhookReceiver(WebhookRouter(), secrets="s", max_pending=0),
    ],
)
async def test_an_unfinished_object_can_be_printed(make):
    """A traceback with local variables can print an object whose constructor raised."""
    with pytest.raises(CalcomError) as error:
        await make()
    traceback.TracebackException.from_exception(error.value, capture_locals=True)
    for frame in frames(error.value):
        assert all(repr(value) for value in frame.f_locals.values())


@pytest.mark.parametrize("pair", [{"accessToken": f"{MARK}\n", "refreshToken": MARK}, {"accessToken": 1}, [MARK]])
async def test_a_failed_refresh_shows_no_token(pair):
    """A failed token refresh shows neither token pair nor the client secret in a frame."""
    expired = error_response(498, "TokenExpiredException", "ACCESS_TOKEN_IS_EXPIRED")

    async def send(request: Request, context: CallContext) -> Any:
        return await FakeSend(ok_response(pair) if request.path.endswith("refresh") else expired)(request, context)

    token = AccessToken(MARK, MARK, client_id="c", client_secret=MARK)
    request = Request(method="GET", route="/me", path="/me")
    assert leaks(await caught(authenticated(send, token)(request, CallContext()))) == []


def failing_store(folder: Path, text: str | None) -> FileTokenStore:
    """Return a store with a text, or one that cannot store the new tokens."""
    if text:
        (folder / "tokens").write_text(text)
    else:
        (folder / "tokens.new").mkdir()
    return FileTokenStore(folder / "tokens")


class FailingRedis(Redis):
    """A client that cannot store the new tokens."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        if MARK in str(args):
            raise OSError("connection lost")
        return True if args[0] == "SET" else None


@pytest.mark.parametrize(
    "text", [None, f'{{"access": "{MARK}"}}', MARK, f'{{"access":"{MARK}\n","refresh":"r"}}', "redis"]
)
async def test_a_failed_token_store_shows_no_token(text, tmp_path: Path):
    """Neither damaged tokens in a store nor new ones that cannot be stored are in a frame."""
    expired = error_response(498, "TokenExpiredException", "ACCESS_TOKEN_IS_EXPIRED")
    pair = {"accessToken": MARK, "refreshToken": MARK}

    async def send(request: Request, context: CallContext) -> Any:
        return await FakeSend(ok_response(pair) if request.path.endswith("refresh") else expired)(request, context)

    store = RedisTokenStore(FailingRedis(), "ana") if text == "redis" else failing_store(tmp_path, text)
    token = AccessToken("a", "r", client_id="c", client_secret=MARK, store=store)
    request = Request(method="GET", route="/me", path="/me")
    error = await caught(authenticated(send, token)(request, CallContext()))
    assert isinstance(error, TokenStoreError)
    assert leaks(error) == []


@pytest.mark.parametrize(
    "content",
    [
        f"name,api_key,client_id,client_secret\na,{MARK},c,{MARK}\n".encode(),
        f"name,api_key\na,{MARK} x\n".encode(),
        f"name,api_key,organization\na,{MARK},acme\n".encode(),
        f"name,api_key\na,b,{MARK}\n".encode(),
        f"name,api_key\na,{MARK}\n\xff".encode("latin-1"),
    ],
)
def test_accounts_are_in_no_frame(content, tmp_path: Path):
    """An invalid line of accounts.csv is named by its number and not shown."""
    file = tmp_path / "accounts.csv"
    file.write_bytes(content)
    with pytest.raises(CalcomError) as error:
        list(read_accounts(file))
    assert leaks(error.value) == []


async def test_a_borrowed_session_shows_no_secret():
    """With a borrowed session the frames and the errors of its tracing show no secret either."""

    async def fail(*_: Any) -> None:
        raise RuntimeError("tracing failed")

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(fail)
    async with (
        FakeServer(http_response()) as server,
        aiohttp.ClientSession(trace_configs=[trace]) as session,
        Calcom(MARK, base_url=server.url, session=session, **SETTINGS) as cal,
    ):
        assert leaks(await caught(cal.me.get())) == []
