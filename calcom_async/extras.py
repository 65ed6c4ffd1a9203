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
        raise ConfigError(_advice(feature, missing, extra)) from missing


@contextmanager
def import_extra(feature: str, extra: str) -> Iterator[None]:
    """Import the library that a whole module needs; the `ModuleNotFoundError` for a missing one has the command."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(_advice(feature, missing, extra), name=missing.name) from missing


def _advice(feature: str, missing: ModuleNotFoundError, extra: str) -> str:
    library = (missing.name or "").partition(".")[0]
    return f"{feature} needs {library}: pip install 'calcom-async[{extra}]'"
