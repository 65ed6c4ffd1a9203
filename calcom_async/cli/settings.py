"""Choose the base URL and the API key of a command. Pure: other modules read the files and the environment.

The sources, the first wins:

1. the options `--base-url` and `--api-key`, or the profile that `--profile` names (not both)
2. the environment: `CAL_API_URL`, `CAL_API_KEY`
3. the profile that `CAL_PROFILE` names, or the one called `default`
4. the file `.env` in the working directory, with the same variables

A key goes only to the URL of its own source, or to the default URL if no source sets another. So the `.env` of a
downloaded project cannot receive the key of the environment, and no key of a self-hosted server is sent to cal.com.
A profile always has a key and a URL: without `base_url`, that is the default URL. For two sources this means:

| first       | second: nothing  | second: URL | second: key        | second: URL and key |
|-------------|------------------|-------------|--------------------|---------------------|
| nothing     | no key           | no key      | key, default URL   | second              |
| URL         | no key           | no key      | error              | error               |
| key         | key, default URL | error       | first, default URL | error               |
| URL and key | first            | first       | first              | first               |

There is no error if the source of the key has the same URL, or if it has none and that URL is the default one. The
keys of `--accounts` and of Dask workers go to the first URL, except to that of `.env`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from calcom_async.config import BASE_URL, BOOKING_URL, Config, parse_switch, sends_in_clear
from calcom_async.errors import ConfigError
from calcom_async.secret import Secret

PROFILE_NAME: re.Pattern[str] = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
FIELDS: dict[str, type] = {"api_key": Secret, "base_url": Secret, "booking_url": Secret, "allow_http": bool}
"""The settings of a profile. All texts are wrapped, because a text in the wrong place may be a key."""

VARIABLES = ("CAL_API_KEY", "CAL_API_URL", "CAL_BOOKING_URL", "CAL_ALLOW_HTTP")
"""The variables that are read from `.env`."""
_VARIABLE = re.compile(rf"(?:export\s+)?({'|'.join(VARIABLES)})\s*=\s*")
_VALUE = re.compile(r"""(?:"([^"]*)"|'([^']*)'|([^"'\s#]\S*)?)(?:(?:\s+|^)#.*|\s*)""")


@dataclass(frozen=True)
class Source:
    """The settings of one place. None means that the place does not set them."""

    url_name: str
    """How messages name the URL of this place, for example CAL_API_URL."""
    key_name: str
    base_url: Secret | None = None
    """It may contain a password, which is an error."""
    api_key: Secret | None = None
    booking_url: str | None = None
    allow_http: bool = False
    """Allow the URL of this place to send the key unencrypted."""
    is_trusted: bool = True
    """Whether keys of a file of accounts may go to the URL of this place."""


@dataclass(frozen=True)
class Connection:
    """The URL and the key that belong together."""

    config: Config
    """Settings of the client, without the key."""
    api_key: Secret | None
    origin: str
    """The places that the settings come from, in words."""


def choose(
    sources: Iterable[Source], *, allow_http: bool = False, booking_url: str | None = None, keys_of: str | None = None
) -> Connection:
    """Return the URL and the key of the first sources that set them, and read no more sources than that.

    `allow_http` and `booking_url` are for a source that does not set them. `keys_of` names what supplies other keys,
    if anything does. Raises `ConfigError` if the URL is invalid, or if the key does not belong to it.
    """
    url_source = key_source = None
    for source in sources:
        url_source = url_source or (source if source.base_url else None)
        key_source = key_source or (source if source.api_key and not keys_of else None)
        if url_source and (key_source or keys_of):
            break
    url = _normalized(url_source)
    if sends_in_clear(url) and not (allow_http or (url_source and url_source.allow_http)):
        raise ConfigError(
            f"{url} would send the API key unencrypted. Use https://, or allow it with --allow-http or CAL_ALLOW_HTTP=1"
        )
    if key_source and key_source.api_key:
        key_source.api_key.checked("the API key", in_header=True)
    if keys_of and url_source and not url_source.is_trusted:
        raise ConfigError(
            f"the keys from {keys_of} are not sent to {url}, which {url_source.url_name} sets. Add --base-url"
        )
    if url_source and key_source and url != (home := _normalized(key_source)):
        raise ConfigError(
            f"the API key from {key_source.key_name} is not sent to {url}, which {url_source.url_name} sets. "
            f"{_remedy(url_source, key_source, home)}"
        )
    place = key_source or url_source
    booking_url = (place and place.booking_url) or booking_url or BOOKING_URL
    key_name = keys_of or (key_source.key_name if key_source else "no source")
    url_name = url_source.url_name if url_source else ""
    origin = f"API key from {key_name}, {f'base URL from {url_name}' if url_name else 'default base URL'}"
    return Connection(
        Config(base_url=url, booking_url=_checked_booking_url(booking_url), allow_http=True),
        key_source.api_key if key_source else None,
        f"API key and base URL from {key_name}" if key_name == url_name else origin,
    )


def _checked_booking_url(url: str) -> str:
    try:
        return Config(booking_url=url).booking_url
    except ConfigError:
        raise ConfigError(f"the booking URL must look like {BOOKING_URL}, without a password") from None


def _normalized(source: Source | None) -> str:
    """Return the URL of a source, or the default URL, so that equal URLs compare equal. Raises `ConfigError`."""
    url: Any = source.base_url if source and source.base_url else BASE_URL
    return Config(base_url=url, allow_http=True).base_url


def _remedy(url_source: Source, key_source: Source, home: str) -> str:
    """Say how to get a URL and a key of one source. The earlier source lacks one of them, or it would supply both."""
    if key_source.base_url:
        return f"Add {url_source.key_name}, or leave out {url_source.url_name} to use {home}"
    if url_source.api_key:
        return f"Add {key_source.url_name}, or leave out {key_source.key_name} to use the key of that URL"
    return (
        f"Set both in one place: {key_source.url_name} with {key_source.key_name}, or {url_source.url_name} with "
        f"{url_source.key_name}"
    )


def parse_profiles(text: Secret, file: str) -> dict[str, Source]:
    """Return the profiles of a file by name. Raises `ConfigError` if the file is not valid."""
    problem, tables = "", {}
    try:
        tables = tomllib.loads(text.reveal())
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        problem = str(error)
    if problem:  # outside of the handler: the frames of the parser hold the text
        raise ConfigError(f"{file} is not valid TOML: {problem}")
    tables = {name: _wrapped(table) for name, table in tables.items()}
    return {name: _profile(name, table, file) for name, table in tables.items()}


def _wrapped(table: Any) -> dict[str, Any] | None:
    """Return a table with its texts wrapped; None for another value."""
    if not isinstance(table, dict):
        return None
    return {setting: Secret(value) if isinstance(value, str) else value for setting, value in table.items()}


def _profile(name: str, table: dict[str, Any] | None, file: str) -> Source:
    where = f"{file}: profile {name}"
    check_name(name, file)
    if table is None:
        raise ConfigError(f"{where} must be a table: [{name}], then its settings")
    for setting, value in table.items():
        if setting not in FIELDS:
            raise ConfigError(f"{where} has an unknown setting, {setting}. Known are {', '.join(FIELDS)}")
        if not isinstance(value, FIELDS[setting]):
            raise ConfigError(f"{where}: {setting} must be {'true or false' if setting == 'allow_http' else 'a text'}")
    return profile(name, **table)


def check_name(name: str, where: str) -> None:
    """Raise `ConfigError` if this is not the name of a profile."""
    if not PROFILE_NAME.fullmatch(name):
        raise ConfigError(f"{where}: the name of a profile has up to 64 letters, digits, - and _, got {name:.80}")


def profile(
    name: str,
    api_key: Secret | None = None,
    base_url: Secret | None = None,
    booking_url: Secret | None = None,
    allow_http: bool = False,
) -> Source:
    """Return the source that a profile is. Raises `ConfigError` if it has no key, or an invalid one."""
    label = f"profile {name}"
    (Secret("") if api_key is None else api_key).checked(f"the API key of {label}", in_header=True)
    return Source(
        label, label, base_url or Secret(BASE_URL), api_key, booking_url.reveal() if booking_url else None, allow_http
    )


def format_profiles(profiles: Mapping[str, Source]) -> Secret:
    """Return the text of a profiles file."""
    return Secret("\n".join(_format(name, source) for name, source in sorted(profiles.items())))


def _format(name: str, source: Source) -> str:
    texts = {"api_key": source.api_key, "base_url": source.base_url, "booking_url": source.booking_url}
    lines = [f"{setting} = {_toml_text(Secret(text).reveal())}" for setting, text in texts.items() if text]
    return "\n".join([f"[{name}]", *lines, *(["allow_http = true"] if source.allow_http else [])]) + "\n"


def _toml_text(text: str) -> str:
    """Return a basic string of TOML."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\u{ord(match[0]):04x}", text) + '"'


def parse_dotenv(text: Secret) -> Source:
    """Return the settings of a `.env` file.

    A line is `NAME=value`, optionally after `export`. The value is one word, or is in single or double quotes. A `#`
    after a space begins a comment. Nothing is expanded, executed or unescaped: `$` and backslashes are plain
    characters. Lines of other names are ignored, and the last line of a name wins.
    """
    values: dict[str, Secret] = {}
    for number, line in enumerate(map(Secret, text.reveal().splitlines()), 1):
        if name := _VARIABLE.match(line.reveal().lstrip()):
            value = _dotenv_value(Secret(line.reveal().lstrip()[name.end() :]))
            if value is None:
                raise ConfigError(f".env, line {number}: {name[1]} must be one word, or a text in quotes")
            values[name[1]] = value
    return from_variables(values, " in .env", is_trusted=False)


def _dotenv_value(text: Secret) -> Secret | None:
    match = _VALUE.fullmatch(text.reveal())
    return Secret(match[1] or match[2] or match[3] or "") if match else None


def from_variables(values: Mapping[str, Secret], where: str = "", *, is_trusted: bool = True) -> Source:
    """Return the settings in variables of the environment, or of a file that `where` names. Ignore empty ones."""
    texts = {name: values[name] for name in VARIABLES if name in values and values[name].reveal()}
    plain = {name: texts[name].reveal() for name in ("CAL_BOOKING_URL", "CAL_ALLOW_HTTP") if name in texts}
    return Source(
        f"CAL_API_URL{where}",
        f"CAL_API_KEY{where}",
        texts.get("CAL_API_URL"),
        texts.get("CAL_API_KEY"),
        plain.get("CAL_BOOKING_URL"),
        parse_switch(f"CAL_ALLOW_HTTP{where}", plain.get("CAL_ALLOW_HTTP", "")),
        is_trusted,
    )
