"""Config: defaults, validation, and hidden secrets."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import msgspec
import pytest

from calcom_async import Calcom, Config, ConfigError
from calcom_async.secret import Secret

SECRET = "cal_live_verysecret"


@pytest.mark.parametrize(
    ("base_url", "normalized"),
    [
        ("https://api.cal.com", "https://api.cal.com/v2"),
        ("https://api.cal.com/v2", "https://api.cal.com/v2"),
        ("https://api.cal.eu/v2/", "https://api.cal.eu/v2"),
        ("https://cal.example.org/api", "https://cal.example.org/api/v2"),
        ("https://cal.example.org/api/v2//", "https://cal.example.org/api/v2"),
        ("https://cal.example.org:8443/v20", "https://cal.example.org:8443/v20/v2"),
        ("http://127.0.0.1:5555", "http://127.0.0.1:5555/v2"),
        ("http://[::1]:5555", "http://[::1]:5555/v2"),
        ("http://localhost/v2", "http://localhost/v2"),
        ("http://api.localhost", "http://api.localhost/v2"),
    ],
)
def test_base_url_with_or_without_v2(base_url, normalized):
    """The base URL ends with one `/v2`, whether it was given or not."""
    assert Config(base_url=base_url).base_url == normalized


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("api.cal.com", "must look like"),
        ("ftp://api.cal.com", "must look like"),
        ("https://", "must look like"),
        ("https://a b/v2", "must look like"),
        ("http://[::1", "must look like"),
        ("https://api.cal.com:99999", "must look like"),
        ("http://api.cal.com", "over plain HTTP"),
        ("http://127.0.0.1.evil.test", "over plain HTTP"),
        (f"https://me:{SECRET}@api.cal.com", "user name or password"),
        (f"ftp://me:{SECRET}@api.cal.com", "user name or password"),
        (f"https://{SECRET}@api.cal.com", "user name or password"),
        (f"https://api.cal.com/v2?apiKey={SECRET}", "query or fragment"),
        (f"https://api.cal.com/v2#{SECRET}", "query or fragment"),
    ],
)
def test_an_invalid_base_url(url, reason):
    """An invalid base URL is a ConfigError with the reason, and without a secret of the URL."""
    with pytest.raises(ConfigError, match=reason) as caught:
        Config(base_url=url)
    assert SECRET not in str(caught.value)


def test_plain_http():
    """Plain HTTP to another host needs `allow_http`."""
    assert Config(base_url="http://cal.lan", allow_http=True).base_url == "http://cal.lan/v2"


@pytest.mark.parametrize(("value", "allowed"), [("1", True), ("Yes", True), ("0", False), ("off", False), ("", False)])
def test_the_environment_may_allow_plain_http(monkeypatch, value, allowed):
    """CAL_ALLOW_HTTP sets `allow_http`."""
    monkeypatch.setenv("CAL_ALLOW_HTTP", value)
    assert Config.from_env().allow_http is allowed


def test_an_invalid_switch(monkeypatch):
    """An invalid value of CAL_ALLOW_HTTP is a ConfigError that names the variable."""
    monkeypatch.setenv("CAL_ALLOW_HTTP", "perhaps")
    with pytest.raises(ConfigError, match="CAL_ALLOW_HTTP must be 1 or 0"):
        Config.from_env()


POSITIVE = (
    "timeout",
    "connect_timeout",
    "total_timeout",
    "keepalive_expiry",
    "max_attempts",
    "max_connections",
    "rate_limit",
)


@pytest.mark.parametrize("name", [*POSITIVE, "max_response_bytes"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), "60"])
def test_a_number_that_must_be_positive(name, value):
    """A setting that must be positive is checked when the Config is created."""
    with pytest.raises(ConfigError, match=f"Config.{name} must be"):
        Config(**{name: value})


@pytest.mark.parametrize("name", ["backoff_base", "backoff_max", "retry_budget", "max_wait", "cache_ttl"])
def test_a_number_that_may_be_zero(name):
    """Zero is accepted by these settings, and a negative number is not."""
    assert getattr(Config(**{name: 0}), name) == 0
    with pytest.raises(ConfigError, match=f"Config.{name} must be"):
        Config(**{name: -0.1})


def test_the_repr():
    """The repr shows the settings that differ from the defaults, and hides the key."""
    config = Config(api_key=SECRET, timeout=5, retry_budget=0)
    assert repr(config) == "Config(base_url='https://api.cal.com/v2', api_key='***', timeout=5, retry_budget=0)"
    assert SECRET not in str(dict(config.__rich_repr__()))


@pytest.mark.parametrize("transfer", [lambda config: pickle.loads(pickle.dumps(config)), copy.deepcopy, copy.copy])
def test_a_config_can_be_pickled(transfer):
    """A Config without secrets can be pickled and copied."""
    config = Config(base_url="https://cal.example.org/x", api_versions={"slots": "2030-01-01"})
    assert transfer(config) == config


@pytest.mark.parametrize("fields", [{"api_key": "x"}, {"proxy": "http://secret"}, {"headers": {"x-key": "x"}}])
def test_a_config_with_a_secret_is_copied_and_not_pickled(fields):
    """A Config with a secret can be copied, but not pickled."""
    config = Config(**fields)
    assert copy.copy(config) == copy.deepcopy(config) == config
    with pytest.raises(ConfigError, match="not pickled"):
        pickle.dumps(config)


def test_header_values_are_secrets():
    """Names of headers are compared without case, and their values are in no repr."""
    config = Config(headers={"X-Gateway": SECRET, "x-GATEWAY": Secret("later"), "Cookie": "a=b"})
    assert config.headers == {"x-gateway": Secret("later"), "cookie": Secret("a=b")}
    assert repr(config) == (
        "Config(base_url='https://api.cal.com/v2', headers={'x-gateway': Secret('***'), 'cookie': Secret('***')})"
    )


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (f"X-Key: {SECRET}", "must be a mapping of names to values, got str"),
        ([("X-Key", SECRET)], "must be a mapping of names to values, got list"),
        (None, "must be a mapping of names to values, got NoneType"),
        ({f"X-Key: {SECRET}": "x"}, "a name must be letters"),
        ({"": SECRET}, "a name must be letters"),
        ({"X Key": SECRET}, "a name must be letters"),
        ({"\u212aey": SECRET}, "a name must be letters"),  # the Kelvin sign, which `lower` turns into a "k"
        ({1: SECRET}, "a name must be letters"),
        ({"X-Key": f"{SECRET}\r\nX-Evil: 1"}, "the value of X-Key must be printable ASCII"),
        ({"X-Key": ""}, "the value of X-Key must be printable ASCII"),
        ({"X-Key": SECRET.encode()}, "the value of X-Key must be printable ASCII"),
        ({"Authorization": SECRET}, "must not contain Authorization"),
        ({"x-cal-secret-KEY": SECRET}, "must not contain x-cal-secret-KEY"),
        ({"User-Agent": SECRET}, "Set Config.user_agent instead"),
        ({"Content-Length": "3"}, "must not contain Content-Length"),
        ({"Transfer-Encoding": "chunked"}, "must not contain Transfer-Encoding"),
        ({"Host": "evil.test"}, "must not contain Host"),
    ],
)
def test_headers_that_cannot_be_sent(headers, reason):
    """Headers that are invalid, or that the client sets itself, are a ConfigError that shows no value."""
    for create in (Config, partial(Calcom, "cal_x"), Calcom("cal_x").with_options):
        with pytest.raises(ConfigError, match=reason) as caught:
            create(headers=headers)
        assert SECRET not in repr(caught.value) + str(caught.value)


def test_a_changed_copy_is_checked():
    """`replace` checks the new values."""
    with pytest.raises(ConfigError):
        msgspec.structs.replace(Config(), timeout=-1)


def test_the_default_keepalive_expiry():
    """The server closes idle connections after 5 s, so the default is shorter."""
    assert Config().keepalive_expiry < 5


def test_from_env(monkeypatch):
    """CAL_API_KEY and CAL_API_URL are read, unless a value is given."""
    monkeypatch.setenv("CAL_API_KEY", SECRET)
    monkeypatch.setenv("CAL_API_URL", "https://cal.example.org")
    assert Config.from_env(timeout=3) == Config(api_key=SECRET, base_url="https://cal.example.org", timeout=3)
    assert Config.from_env(api_key="cal_other").api_key == Secret("cal_other")


def test_an_empty_variable(monkeypatch):
    """An empty variable counts as not set."""
    monkeypatch.setenv("CAL_API_KEY", "")
    monkeypatch.setenv("CAL_API_URL", "")
    assert Config.from_env() == Config()


@pytest.mark.parametrize(
    "fields", [{"api_versions": {"bokings": "x"}}, {"api_versions": {"bookings": 5}}, {"priority": "high"}]
)
def test_other_invalid_settings(fields):
    """An unknown area, a version that is not a text and a priority that is not a number are rejected."""
    with pytest.raises(ConfigError, match=next(iter(fields))):
        Config(**fields)
