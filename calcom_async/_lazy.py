"""Import the names of a package when they are first used (PEP 562), so that a program pays only for what it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

Homes = Mapping[str, Sequence[str]]


def parse_homes(text: str) -> Homes:
    """Parse `module: Name Name ...` into the names that each module defines."""
    homes: dict[str, list[str]] = {}
    names: list[str] = []
    for word in text.split():
        if word.endswith(":"):
            names = homes[word.removesuffix(":")] = []
        else:
            names.append(word)
    return homes


def lazy(package: str, homes: Homes) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` of a package whose names are defined in the modules of `homes`."""
    home_of = {name: home for home, names in homes.items() for name in names}

    def get_attribute(name: str) -> Any:
        """Import the module that defines a name, and keep the value in the package."""
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{home_of[name]}"), name)
        # Python calls `__getattr__` of a module only for names that it does not have, so this happens once per name.
        setattr(sys.modules[package], name, value)
        return value

    def list_names() -> list[str]:
        """List the names for `dir()`, also those that have not been imported yet."""
        return sorted({*vars(sys.modules[package]), *home_of})

    return sorted(home_of), get_attribute, list_names
