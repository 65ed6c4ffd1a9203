"""The public API: its names, lazy imports and docstrings."""

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
from calcom_async import booking, errors, export, models, sandbox, watch, webhooks

DOCUMENTED = {"Calcom", "ApiKey", "AccessToken", "PlatformClient", "Config", "TokenBucket"}


@pytest.mark.parametrize("module", [calcom_async, models], ids=lambda module: module.__name__)
def test_every_name_can_be_imported(module: ModuleType):
    """Every name of `__all__` can be imported and is in `dir`; `__all__` is sorted without duplicates."""
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name in dir(module)
    assert sorted(set(module.__all__)) == module.__all__


@pytest.mark.parametrize("module", [calcom_async, models], ids=lambda module: module.__name__)
def test_type_checkers_see_the_same_names(module: ModuleType):
    """The names imported under TYPE_CHECKING are those of `__all__`."""
    tree = ast.parse(Path(str(module.__file__)).read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imported = {
        alias.asname or alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == set(module.__all__)


def test_the_documented_names_are_exported():
    """The main names and all errors are exported."""
    tree = {
        name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, errors.CalcomError)
    }
    assert set(calcom_async.__all__) >= DOCUMENTED | tree


@pytest.mark.parametrize("module", [calcom_async, models], ids=lambda module: module.__name__)
def test_an_unknown_name(module: ModuleType):
    """An unknown name raises an AttributeError."""
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        module.Nonsense  # noqa: B018 - it is the access that raises


def imported_by(statement: str) -> set[str]:
    """Return the modules that a statement imports, in a process of its own."""
    code = f"import sys; before = set(sys.modules); {statement}; print('\\n'.join(set(sys.modules) - before))"
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=str(ROOT))
    return set(completed.stdout.split())


ROOT = Path(calcom_async.__file__).parent.parent


@pytest.mark.parametrize(
    ("module", "library", "advice"),
    [
        ("redis_connection", "redis", "a connection to Redis needs redis: pip install 'calcom-async[redis]'"),
        ("export.dlt_source", "dlt", "the dlt source needs dlt: pip install 'calcom-async[dlt]'"),
        ("export.distributed", "distributed", "a Dask cluster needs distributed: pip install 'calcom-async[dask]'"),
    ],
)
def test_a_module_without_its_library_says_what_to_install(
    module: str, library: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Importing a module whose extra is not installed raises one sentence with the command."""
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"calcom_async.{module}", raising=False)
    with pytest.raises(ModuleNotFoundError, match=re.escape(advice)):
        importlib.import_module(f"calcom_async.{module}")


def test_import_is_lazy():
    """`import calcom_async` imports no library and none of our modules."""
    loaded = imported_by("import calcom_async")
    assert {name.split(".")[0] for name in loaded} & {"aiohttp", "msgspec", "backoff", "asyncio"} == set()
    assert {name for name in loaded if name.startswith("calcom_async")} == {
        "calcom_async",
        "calcom_async._lazy",
        "calcom_async._version",
    }


def test_errors_and_models_need_no_aiohttp():
    """Importing errors and models does not import aiohttp; a client that is not open imports no resource."""
    assert "aiohttp" not in imported_by("from calcom_async import ApiError, Config, Pages; import calcom_async.models")
    loaded = imported_by("from calcom_async import Calcom; Calcom('cal_x')")
    assert {name for name in loaded if name.startswith("calcom_async.resources")} == {
        "calcom_async.resources",
        "calcom_async.resources._base",
    }


def public_names() -> dict[str, Any]:
    """Return every exported class and function, and the public methods and properties that they define."""
    names: dict[str, Any] = {}
    for module in (calcom_async, models, booking, export, sandbox, watch, webhooks):
        for name in module.__all__:
            value = getattr(module, name)
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            names[f"{module.__name__}.{name}"] = value
            if inspect.isclass(value):
                names |= members(f"{module.__name__}.{name}", value)
    return names


def members(prefix: str, kind: type) -> dict[str, Any]:
    """Return the public methods, properties and cached properties that a class defines itself."""
    own = {name: value for name, value in vars(kind).items() if not name.startswith("_")}
    kinds = (FunctionType, classmethod, property, cached_property)
    return {f"{prefix}.{name}": value for name, value in own.items() if isinstance(value, kinds)}


def resource_names() -> dict[str, Any]:
    """Return every resource class, and its public methods and properties."""
    names: dict[str, Any] = {}
    package = importlib.import_module("calcom_async.resources")
    for info in pkgutil.iter_modules(package.__path__, "calcom_async.resources."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if inspect.isclass(value) and value.__module__ == info.name and not name.startswith("_"):
                names[f"{info.name}.{name}"] = value
                names |= members(f"{info.name}.{name}", value)
    return names


PUBLIC = public_names() | resource_names()


def begins_with_a_sentence(name: str, doc: str) -> bool:
    """Return whether a docstring was written by hand and begins with a complete sentence."""
    first = doc.split("\n\n", maxsplit=1)[0]
    generated = doc.startswith(name.rsplit(".", 1)[-1] + "(")
    return not generated and bool(re.match(r"[A-Z`0-9]", first) and re.search(r"[.:]`?$|\.\s", first))


def test_every_public_name_has_a_docstring():
    """The docstring of a public name begins with a complete sentence."""
    docs = {name: inspect.cleandoc(value.__doc__ or "") for name, value in PUBLIC.items()}
    assert {name: doc for name, doc in docs.items() if not begins_with_a_sentence(name, doc)} == {}
