"""Which base URL and which API key a command uses: the choice of sources, profiles and `.env` as text."""

from __future__ import annotations

import tomllib
from itertools import product
from typing import Any

import pytest
from cli_runner import SECRET

from calcom_async.cli.settings import (
    Source,
    choose,
    format_profiles,
    from_variables,
    parse_dotenv,
    parse_profiles,
    profile,
)
from calcom_async.config import BASE_URL, BOOKING_URL
from calcom_async.errors import ConfigError
from calcom_async.secret import Secret

FIRST, SECOND = "https://first.test/v2", "https://second.test/v2"
ERROR = "error"


def source(name: str, content: str, url: str, **more: Any) -> Source:
    """Return a source that has a URL, a key, both or nothing."""
    return Source(
        f"the URL of {name}",
        f"the key of {name}",
        Secret(url) if "URL" in content else None,
        Secret(f"cal_{name}") if "key" in content else None,
        **more,
    )


def chosen(*sources: Source, **options: Any) -> tuple[str | None, str] | str:
    """Return the key and the URL that are used together, or "error"."""
    try:
        connection = choose(sources, **options)
    except ConfigError:
        return ERROR
    return connection.api_key.reveal() if connection.api_key else None, connection.config.base_url


NOTHING, URL, KEY, BOTH = "nothing", "URL", "key", "URL and key"
TABLE: dict[tuple[str, str], Any] = {
    (NOTHING, NOTHING): (None, BASE_URL),
    (NOTHING, URL): (None, SECOND),
    (NOTHING, KEY): ("cal_second", BASE_URL),
    (NOTHING, BOTH): ("cal_second", SECOND),
    (URL, NOTHING): (None, FIRST),
    (URL, URL): (None, FIRST),
    (URL, KEY): ERROR,
    (URL, BOTH): ERROR,
    (KEY, NOTHING): ("cal_first", BASE_URL),
    (KEY, URL): ERROR,
    (KEY, KEY): ("cal_first", BASE_URL),
    (KEY, BOTH): ERROR,
    (BOTH, NOTHING): ("cal_first", FIRST),
    (BOTH, URL): ("cal_first", FIRST),
    (BOTH, KEY): ("cal_first", FIRST),
    (BOTH, BOTH): ("cal_first", FIRST),
}


@pytest.mark.parametrize(("first", "second"), TABLE)
def test_two_sources(first: str, second: str) -> None:
    """The table in the docstring of the module is what happens, also with empty sources between the two."""
    sources = [source("first", first, FIRST), source("second", second, SECOND)]
    empty = source("other", NOTHING, "")
    assert chosen(*sources) == chosen(empty, sources[0], empty, sources[1], empty) == TABLE[first, second]


def test_a_key_never_goes_to_the_url_of_another_source() -> None:
    """Of four sources in any state, a key is used with the URL of its own source, or with the default URL."""
    for contents in product([NOTHING, URL, KEY, BOTH], repeat=4):
        states = {f"n{number}": content for number, content in enumerate(contents)}
        result = chosen(*(source(name, content, f"https://{name}.test/v2") for name, content in states.items()))
        if isinstance(result, tuple) and result[0]:
            name = result[0].removeprefix("cal_")
            assert result[1] == (f"https://{name}.test/v2" if "URL" in states[name] else BASE_URL), states
            assert "URL" in states[name] or not any("URL" in content for content in contents), states


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        pytest.param((URL, FIRST), (BOTH, FIRST), ("cal_second", FIRST), id="the same URL twice"),
        pytest.param((URL, "https://first.test/"), (BOTH, FIRST), ("cal_second", FIRST), id="written differently"),
        pytest.param((URL, BASE_URL), (KEY, ""), ("cal_second", BASE_URL), id="the default URL, then a key"),
        pytest.param((URL, BASE_URL), (BOTH, SECOND), ERROR, id="the default URL, then a key of another URL"),
        pytest.param((KEY, ""), (URL, BASE_URL), ("cal_first", BASE_URL), id="a key, then the default URL"),
        pytest.param((KEY, ""), (BOTH, BASE_URL), ("cal_first", BASE_URL), id="a key, then a key of the default URL"),
    ],
)
def test_equal_urls_and_the_default_url(first: tuple[str, str], second: tuple[str, str], result: Any) -> None:
    """A key of another source is used if its source has the same URL; no URL counts as the default URL."""
    assert chosen(source("first", *first), source("second", *second)) == result


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (URL, KEY, "Set both in one place: the URL of second with the key of second, or the URL of first with the key"),
        (URL, BOTH, f"Add the key of first, or leave out the URL of first to use {SECOND}"),
        (KEY, URL, "Set both in one place: the URL of first with the key of first, or the URL of second with the key"),
        (KEY, BOTH, "Add the URL of first, or leave out the key of first to use the key of that URL"),
    ],
)
def test_the_error_says_what_to_add_or_to_leave_out(first: str, second: str, message: str) -> None:
    """An error names both sources and what to change, and does not contain the key."""
    with pytest.raises(ConfigError, match=message) as caught:
        choose([source("first", first, FIRST), source("second", second, SECOND)])
    assert "is not sent to https://" in str(caught.value)
    assert "cal_" not in str(caught.value)


def test_later_sources_are_read_only_when_needed() -> None:
    """After a source with a URL and a key, no other source is read."""

    def sources() -> Any:
        yield source("first", BOTH, FIRST)
        pytest.fail("the second source was read")

    assert chosen(*[]) == (None, BASE_URL)
    assert choose(sources()).config.base_url == FIRST


def test_keys_of_an_accounts_file_go_to_trusted_urls_only() -> None:
    """Keys of an option go to the first URL, but never to that of `.env`; the keys of other sources are not used."""
    dotenv = parse_dotenv(Secret(f"CAL_API_URL={SECOND}\nCAL_API_KEY=cal_x"))
    assert chosen(source("first", BOTH, FIRST), dotenv, keys_of="--accounts") == (None, FIRST)
    assert chosen(source("first", KEY, FIRST), keys_of="--accounts") == (None, BASE_URL)
    with pytest.raises(
        ConfigError, match=f"the keys from --accounts are not sent to {SECOND}, which CAL_API_URL in .env"
    ):
        choose([source("first", KEY, FIRST), dotenv], keys_of="--accounts")


def test_plain_http_is_allowed_by_its_own_source_only() -> None:
    """A URL without encryption needs `allow_http` of its own source, the option or the environment."""
    url = "http://cal.test/v2"
    assert chosen(source("first", BOTH, url, allow_http=True)) == ("cal_first", url)
    assert chosen(source("first", BOTH, url), allow_http=True) == ("cal_first", url)
    assert chosen(source("first", BOTH, url), source("second", BOTH, SECOND, allow_http=True)) == ERROR


def test_the_booking_url_is_that_of_the_key_or_else_the_given_one() -> None:
    """The booking pages are those of the source of the key. A source that does not set them gets the given ones."""
    own, other = "https://own.test", "https://other.test"
    assert choose([source("first", BOTH, FIRST, booking_url=own)], booking_url=other).config.booking_url == own
    assert choose([source("first", BOTH, FIRST)], booking_url=other).config.booking_url == other
    assert choose([source("first", BOTH, FIRST)]).config.booking_url == BOOKING_URL


def test_the_origin_names_the_sources_without_the_key() -> None:
    """The origin says which source the key and the URL are of."""
    variables = from_variables({"CAL_API_KEY": Secret("cal_x"), "CAL_API_URL": Secret(FIRST)})
    assert choose([variables]).origin == "API key from CAL_API_KEY, base URL from CAL_API_URL"
    assert (
        choose([from_variables({"CAL_API_KEY": Secret("cal_x")})]).origin
        == "API key from CAL_API_KEY, default base URL"
    )
    assert "cal_x" not in repr(variables) + repr(choose([variables]))


# --- profiles -----------------------------------------------------------------------------------------------------


def test_profiles_are_written_and_read() -> None:
    """A file of profiles that was written is read as the same profiles, whatever characters the texts have."""
    profiles = {
        "work": profile(
            "work", Secret("cal_\"'\\x"), Secret("https://cal.test/\x7f\t"), Secret("https://é.test"), allow_http=True
        ),
        "default": profile("default", Secret("cal_y")),
    }
    text = format_profiles(profiles)
    assert parse_profiles(text, "file") == profiles
    assert [*tomllib.loads(text.reveal())] == ["default", "work"]


def test_a_profile_without_a_url_has_the_default_url() -> None:
    """A profile without `base_url` is for the default URL, and is not combined with the URL of the environment."""
    environment = from_variables({"CAL_API_URL": Secret(FIRST), "CAL_API_KEY": Secret("cal_x")})
    work = parse_profiles(Secret('[work]\napi_key = "cal_work"'), "file")["work"]
    assert chosen(work, environment) == ("cal_work", BASE_URL)


INVALID_FILES = [
    ("[work", "file is not valid TOML: Expected"),
    ("work = 1", r"profile work must be a table: \[work\], then its settings"),
    ("[work]", "the API key of profile work is empty"),
    (f'[work]\napi_key = "{SECRET}\\n"', "the API key of profile work ends with a line break"),
    ("[work]\napi_key = 1", "profile work: api_key must be a text"),
    ('[work]\napi_key = "x"\nallow_http = "yes"', "profile work: allow_http must be true or false"),
    (f'[work]\napikey = "{SECRET}"', "profile work has an unknown setting, apikey. Known are api_key, base_url"),
    ('["my work"]\napi_key = "x"', "up to 64 letters, digits, - and _, got my work"),
    (f'[work]\napi_key = "{SECRET}', "file is not valid TOML"),
]


@pytest.mark.parametrize(("text", "message"), INVALID_FILES)
def test_an_invalid_file_of_profiles(text: str, message: str) -> None:
    """An invalid file is an error that says where and what, without the key in it or in its traceback."""
    with pytest.raises(ConfigError, match=message) as caught:
        parse_profiles(Secret(text), "file")
    assert SECRET not in str(caught.getrepr(showlocals=True)).split("test_cli_settings.py")[-1]


# --- .env ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("CAL_API_KEY=cal_x", "cal_x"),
        ("  export CAL_API_KEY = cal_x  ", "cal_x"),
        ('CAL_API_KEY="cal_x" # mine', "cal_x"),
        ("CAL_API_KEY='cal_x'", "cal_x"),
        ("CAL_API_KEY=cal_x # mine", "cal_x"),
        ("CAL_API_KEY=cal_x#y", "cal_x#y"),
        ("CAL_API_KEY=$HOME`id`\\n", "$HOME`id`\\n"),
        ("CAL_API_KEY=first\r\nCAL_API_KEY=last\r\n", "last"),
        ("CAL_API_KEY=", None),
        ("CAL_API_KEY= # none", None),
        ('CAL_API_KEY=""', None),
        ("# CAL_API_KEY=cal_x", None),
        ("MY_CAL_API_KEY=cal_x\nCAL_API_KEY_2=cal_x\nPATH=(", None),
    ],
)
def test_lines_of_dotenv(line: str, key: str | None) -> None:
    """A line sets a variable, with or without quotes; nothing is expanded, and other lines are ignored."""
    api_key = parse_dotenv(Secret(line)).api_key
    assert (api_key.reveal() if api_key else None) == key


@pytest.mark.parametrize("value", ["two words", '"open', "'open", '"closed"more'])
def test_an_invalid_line_of_dotenv(value: str) -> None:
    """A value that is not one word, or whose quotes are wrong, is an error with the number of the line."""
    with pytest.raises(ConfigError, match=r"\.env, line 2: CAL_API_KEY must be one word, or a text in quotes"):
        parse_dotenv(Secret(f"OTHER=x\nCAL_API_KEY={value}"))


def test_all_settings_of_dotenv() -> None:
    """`.env` can set the URL, the booking pages and plain HTTP too."""
    text = "CAL_API_URL=http://cal.test\nCAL_API_KEY=cal_x\nCAL_BOOKING_URL=https://book.test\nCAL_ALLOW_HTTP=1"
    config = choose([parse_dotenv(Secret(text))]).config
    assert (config.base_url, config.booking_url) == ("http://cal.test/v2", "https://book.test")
    with pytest.raises(ConfigError, match=r"CAL_ALLOW_HTTP in \.env must be 1 or 0, got 'maybe'"):
        parse_dotenv(Secret("CAL_ALLOW_HTTP=maybe"))
    with pytest.raises(ConfigError, match="the booking URL must look like"):
        choose([parse_dotenv(Secret("CAL_API_KEY=cal_x\nCAL_BOOKING_URL=cal.test"))])
