"""Worlds from JSON and YAML. Both are untrusted: size and depth are bounded, and YAML cannot refer to itself."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec

from calcom_async.sandbox.world.documents import World
from calcom_async.sandbox.world.loading import WorldError

#: PyYAML needs a second for about 100,000 bytes.
YAML_LIMIT = 500_000
_DIGITS = list("-0123456789")
#: The plain values of YAML 1.2. In version 1.1, which PyYAML implements, 17:00 is a number and `no` is false.
_PLAIN_VALUES = (
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", re.compile(r"^-?\d{1,18}$"), _DIGITS),
    ("float", re.compile(r"^-?\d{1,18}(?:\.\d{1,18})?(?:[eE][-+]?\d{1,3})?$"), _DIGITS),
)


def read_world(text: bytes, *, yaml: bool = False) -> World:
    """Read a world from JSON, or from YAML with the extra `yaml`. Raises a `WorldError` that names the wrong value."""
    try:
        if not yaml:
            return msgspec.json.decode(text, type=World)
        return msgspec.convert(_parse_yaml(text), World)
    except RecursionError:
        raise WorldError("the document is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WorldError(str(error)) from None


def _parse_yaml(text: bytes) -> Any:
    """Parse YAML without aliases, whose expansion could be endless, and with the plain values of version 1.2."""
    if len(text) > YAML_LIMIT:
        raise WorldError(f"YAML must have at most {YAML_LIMIT:,} bytes, got {len(text):,}; use JSON")
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError:
        raise WorldError("YAML needs PyYAML: pip install 'calcom-async[yaml]', or use JSON") from None
    try:
        # The loader is derived from the safe one.
        return yaml.load(text, _loader())  # noqa: S506
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise WorldError(f"the YAML cannot be read: {error.problem}{where}") from None
    except yaml.YAMLError as error:
        raise WorldError(f"the YAML cannot be read: {' '.join(str(error).split())}") from None
    except ValueError as error:
        raise WorldError(f"the YAML cannot be read: {error}") from None


@cache
def _loader() -> Any:
    """Return the class that reads YAML."""
    import yaml  # noqa: PLC0415 - an extra

    class Loader(yaml.SafeLoader):
        """Reads YAML without aliases."""

        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - declared by the base class

        def compose_node(self, parent: Any, index: Any) -> Any:
            """Read one value."""
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases are not supported")
            return super().compose_node(parent, index)

    for kind, pattern, first in _PLAIN_VALUES:
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", pattern, first)
    return Loader
