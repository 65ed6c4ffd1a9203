"""What users see: the names, lazy and documented."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

import calcom_async
from calcom_async import errors, models

DESIGNED = {"Calcom", "ApiKey", "AccessToken", "PlatformClient", "Config", "TokenBucket"}


@pytest.mark.parametrize("module", [calcom_async, models], ids=lambda module: module.__name__)
def test_all_is_what_is_there(module: ModuleType):
    """Every name of `__all__` can be imported and is shown by `dir`; `__all__` is sorted and without repeats."""
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name in dir(module)
    assert sorted(set(module.__all__)) == module.__all__


@pytest.mark.parametrize("module", [calcom_async, models], ids=lambda module: module.__name__)
def test_type_checkers_see_the_same_names(module: ModuleType):
    """What is imported under TYPE_CHECKING is what `__all__` names."""
    tree = ast.parse(Path(str(module.__file__)).read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {
        alias.asname or alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert seen == set(module.__all__)


def test_the_designed_names_are_there():
    """The names that the documentation begins with are exported, and so is every error."""
    tree = {
        name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, errors.CalcomError)
    }
    assert set(calcom_async.__all__) >= DESIGNED | tree


@pytest.mark.parametrize("module", [calcom_async, models], ids=lambda module: module.__name__)
def test_a_name_that_is_not_there(module: ModuleType):
    """An unknown name is an AttributeError as in any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        module.Nonsense  # noqa: B018 - it is the access that raises


def imported_by(statement: str) -> set[str]:
    """Which modules a statement imports, in a Python of its own."""
    code = f"import sys; before = set(sys.modules); {statement}; print('\\n'.join(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=str(ROOT))
    return set(done.stdout.split())


ROOT = Path(calcom_async.__file__).parent.parent


def test_importing_does_nothing():
    """`import calcom_async` loads no library and none of our modules."""
    loaded = imported_by("import calcom_async")
    assert {name.split(".")[0] for name in loaded} & {"aiohttp", "msgspec", "backoff", "asyncio"} == set()
    assert {name for name in loaded if name.startswith("calcom_async")} == {
        "calcom_async",
        "calcom_async._lazy",
        "calcom_async._version",
    }


def test_errors_and_models_need_no_sockets():
    """Catching errors and reading models does not load aiohttp; a client that is not open loads no resource."""
    assert "aiohttp" not in imported_by("from calcom_async import ApiError, Config, Pages; import calcom_async.models")
    loaded = imported_by("from calcom_async import Calcom; Calcom('cal_x')")
    assert {name for name in loaded if name.startswith("calcom_async.resources")} == {
        "calcom_async.resources",
        "calcom_async.resources._base",
    }


def public_names() -> dict[str, Any]:
    """Every exported class and function, and the public methods and properties that they define."""
    found: dict[str, Any] = {}
    for module in (calcom_async, models):
        for name in module.__all__:
            value = getattr(module, name)
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            found[f"{module.__name__}.{name}"] = value
            if inspect.isclass(value):
                found |= members(f"{module.__name__}.{name}", value)
    return found


def members(prefix: str, kind: type) -> dict[str, Any]:
    """Public methods, properties and cached properties that a class defines itself."""
    own = {name: value for name, value in vars(kind).items() if not name.startswith("_")}
    kinds = (FunctionType, classmethod, property, cached_property)
    return {f"{prefix}.{name}": value for name, value in own.items() if isinstance(value, kinds)}


def resource_names() -> dict[str, Any]:
    found: dict[str, Any] = {}
    package = importlib.import_module("calcom_async.resources")
    for info in pkgutil.iter_modules(package.__path__, "calcom_async.resources."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if inspect.isclass(value) and value.__module__ == info.name and not name.startswith("_"):
                found[f"{info.name}.{name}"] = value
                found |= members(f"{info.name}.{name}", value)
    return found


PUBLIC = public_names() | resource_names()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_explained(name):
    """The docstring of a public name begins with one whole sentence."""
    doc = inspect.cleandoc(PUBLIC[name].__doc__ or "")
    generated = doc.startswith(name.rsplit(".", 1)[-1] + "(")
    assert doc
    assert not generated
    first = doc.split("\n\n")[0]
    assert first[0].isupper() or first[0] in "`0123456789"
    assert re.search(r"[.:]`?$|\.\s|[.:]$", first), first
