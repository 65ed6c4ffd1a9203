"""Imports of optional libraries: the error names the extra that installs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from calcom_async.errors import ConfigError


@contextmanager
def require_extra(feature: str, extra: str) -> Iterator[None]:
    """Import the library of a feature in this block; if it is not installed, raise `ConfigError` with the command."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise ConfigError(f"{feature} needs {missing.name}: pip install 'calcom-async[{extra}]'") from missing
