"""Proxies and certificates of the environment, with servers on loopback."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from fakes import FakeServer, http_response

from calcom_async import Calcom, Config, ConfigError, ConnectionFailedError
from calcom_async.cli.connect import check_reachable

ME = http_response(body=b'{"status":"success","data":{"id":1,"email":"a@b.test"}}')
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir")
BASIC = "Basic " + b64encode(b"user:p@ss").decode()


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch):
    """Remove the proxies and certificates of the environment."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def call_me(url: str = "http://cal.test", **settings) -> None:
    async with Calcom("cal_x", base_url=url, allow_http=True, max_attempts=1, **settings) as cal:
        await cal.me.get()


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
async def test_the_proxy_of_the_environment_is_used(monkeypatch, variable):
    """Plain HTTP requests go to the proxy with the full URL of the API."""
    async with FakeServer(ME) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        await call_me()
    assert [(received.method, received.target) for received in proxy.received] == [("GET", "http://cal.test/v2/me")]


async def test_a_proxy_without_a_scheme_is_http(monkeypatch):
    """A proxy without a scheme, such as `proxy.example.com:3128`, is an HTTP proxy."""
    async with FakeServer(ME) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removeprefix("http://"))
        await call_me()
    assert len(proxy.received) == 1


@pytest.mark.parametrize("excluded", ["cal.test", ".test", "*", "other.test, cal.test"])
async def test_no_proxy_is_honored(monkeypatch, excluded):
    """Requests to the hosts of NO_PROXY use no proxy."""
    async with FakeServer(ME) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", excluded)
        async with Calcom("cal_x", base_url="http://cal.test", allow_http=True) as cal:
            assert cal.proxy is None


async def test_loopback_uses_no_proxy(monkeypatch):
    """Requests to loopback do not use the proxy of the environment, only one of the settings."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with FakeServer(ME) as server:
        await call_me(server.url)
        async with FakeServer(ME) as proxy:
            await call_me(server.url, proxy=proxy.url)
        assert [received.target for received in server.received] == ["/v2/me"]
        assert [received.target for received in proxy.received] == [f"{server.url}/v2/me"]


async def test_credentials_of_a_plain_request_go_to_the_proxy(monkeypatch):
    """User and password of the proxy's URL are sent unquoted in a header, and are not printed."""
    async with FakeServer(ME) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//user:p%40ss@"))
        async with Calcom("cal_x", base_url="http://cal.test", allow_http=True) as cal:
            await cal.me.get()
            assert cal.proxy == proxy.url
    assert proxy.received[0].headers["proxy-authorization"] == BASIC
    config = Config(proxy="http://user:p%40ss@proxy.test:3128")
    assert "p%40ss" not in repr(config)


async def test_credentials_of_a_tunnel():
    """For HTTPS the credentials are sent with CONNECT only; a proxy that rejects them is named in the error."""
    async with FakeServer(http_response(407, b"")) as proxy:
        with pytest.raises(ConnectionFailedError, match="the proxy rejected the connection: 407") as caught:
            await call_me("https://cal.test", proxy=proxy.url.replace("//", "//user:p%40ss@"))
    [received] = proxy.received
    assert (received.method, received.target, received.headers["proxy-authorization"]) == (
        "CONNECT",
        "cal.test:443",
        BASIC,
    )
    assert "authorization" not in received.headers
    assert not caught.value.sent
    assert not caught.value.retryable


async def test_an_unreachable_proxy():
    """The error says that the proxy cannot be reached."""
    with pytest.raises(ConnectionFailedError, match=r"cannot connect to the proxy 127\.0\.0\.1:1"):
        async with Calcom("cal_x", base_url="http://127.0.0.1:2", proxy="http://127.0.0.1:1", max_attempts=1) as cal:
            await cal.me.get()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("socks5://proxy.test:1080", "SOCKS"),
        ("socks5h://proxy.test:1080", "SOCKS"),
        ("ftp://proxy.test", "cannot be used"),
        ("http://", "cannot be used"),
        ("http://proxy.test:port", "not a URL"),
        ("http://[proxy.test", "not a URL"),
        ("http://proxy.test\n", "ends with a line break"),
        ("http://pröxy.test", "cannot be used"),
    ],
)
async def test_an_invalid_proxy(monkeypatch, url, reason):
    """An invalid proxy is a ConfigError; one of the environment is reported on opening, with the variable."""
    with pytest.raises(ConfigError, match=reason):
        Config(proxy=url)
    monkeypatch.setenv("https_proxy", url)
    with pytest.raises(ConfigError, match=f"HTTPS_PROXY.*{reason}"):
        await Calcom("cal_x").open()


async def test_an_unused_socks_proxy(monkeypatch):
    """A SOCKS proxy in `all_proxy` is no error if the API has another proxy or none."""
    monkeypatch.setenv("all_proxy", "socks5://proxy.test:1080")
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    async with Calcom("cal_x") as cal:
        assert cal.proxy == "http://proxy.test:3128"
    async with Calcom("cal_x", base_url="http://localhost") as cal:
        assert cal.proxy is None


async def test_a_borrowed_session_keeps_its_own_settings(monkeypatch):
    """With a borrowed session the environment is not read, and a proxy of the settings is rejected."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with FakeServer(ME) as proxy, aiohttp.ClientSession(proxy=proxy.url) as session:
        await call_me(session=session)
        assert proxy.received[0].target == "http://cal.test/v2/me"
        with pytest.raises(ConfigError, match="a proxy belongs to the session"):
            Calcom("cal_x", session=session, proxy=proxy.url)


async def test_netrc_is_not_read(monkeypatch, tmp_path: Path):
    """Credentials of a netrc file do not replace the API key."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with FakeServer(ME) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        await call_me()
    assert proxy.received[0].headers["authorization"] == "Bearer cal_x"
    assert "proxy-authorization" not in proxy.received[0].headers


# ------------------------------------------------------------------------------------------------------ certificates


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """Return a self-signed certificate of cal.test, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("the openssl command makes the certificate of this test")
    folder = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "cal.pem", folder / "cal.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=cal.test"),
            *("-addext", "subjectAltName=DNS:cal.test,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@asynccontextmanager
async def tunnel(certificate: Path, key: Path) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Run a proxy whose tunnel ends in its own TLS server."""
    received: list[bytes] = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            received.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            await writer.start_tls(context)
            received.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(ME)
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", received


async def test_https_through_a_tunnel(monkeypatch, certificate):
    """SSL_CERT_FILE is read when the client opens, and the API key is sent only inside the tunnel."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    async with tunnel(*certificate) as (url, received):
        monkeypatch.setenv("https_proxy", url)
        async with Calcom("cal_x", base_url="https://cal.test", max_attempts=1) as cal:
            assert (await cal.me.get()).id == 1
    connect, inside = received
    assert connect.startswith(b"CONNECT cal.test:443 ")
    assert b"cal_x" not in connect
    assert b"Bearer cal_x" in inside


async def test_an_untrusted_certificate(certificate):
    """An untrusted certificate ends the call before the key is sent."""
    async with tunnel(*certificate) as (url, received):
        with pytest.raises(ConnectionFailedError) as caught:
            async with Calcom("cal_x", base_url="https://cal.test", proxy=url, max_attempts=1) as cal:
                await cal.me.get()
    assert not caught.value.sent
    assert len(received) == 1


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_an_unreadable_certificate_file(monkeypatch, variable, tmp_path):
    """A missing or invalid certificate file is an error that names the variable."""
    monkeypatch.setenv(variable, str(tmp_path / "missing\udcff"))
    with pytest.raises(ConfigError, match=variable) as error:
        await Calcom("cal_x").open()
    assert str(error.value).encode()  # a name of odd bytes can be printed
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    monkeypatch.delenv(variable)
    monkeypatch.setenv("SSL_CERT_FILE", str(empty))
    with pytest.raises(ConfigError, match="SSL_CERT_FILE"):
        await Calcom("cal_x").open()
    async with Calcom("cal_x", base_url="http://localhost"):
        pass


async def test_the_command_line_checks_the_proxy(monkeypatch):
    """The command line checks whether the proxy is reachable, if there is one."""
    async with FakeServer(ME) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        async with Calcom("cal_x", base_url="http://cal.test", allow_http=True) as cal:
            await check_reachable(cal)
    async with Calcom("cal_x", base_url="http://127.0.0.1:2", proxy="http://127.0.0.1:1") as cal:
        with pytest.raises(ConnectionFailedError, match=r"the proxy 127\.0\.0\.1:1: .*proxy settings"):
            await check_reachable(cal)
