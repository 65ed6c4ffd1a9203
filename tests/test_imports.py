"""Rules for imports, checked in the source: layers, cycles, and which module may import which library."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

from calcom_async import _HOMES

MODULE_OF = {name: home for home, names in _HOMES.items() for name in names}
PACKAGE = Path(__file__).resolve().parent.parent / "calcom_async"

# From the lowest layer up. A module may import from lower layers and from its own folder.
LAYERS: tuple[str, ...] = (
    "_lazy _version error_reasons lenient_json versions",
    "errors models secret",
    "extras file_lock rate_limit_window rate_limit_state error_body booking_links deprecation",
    "time_ranges concurrency",
    "config requests decoding responses pagination events",
    "rate_limiter redis_connection redis_script redis_rate_limiter token_store redis_token_store auth",
    "credential_provider",
    "keyset list_call shared_calls",
    "missing_rows arrow",
    "client_arguments middleware retry telemetry transport pages raw_request",
    "read_only",
    "resources",
    "cache booking watch client_resources",
    "client_booking",
    "client",
    "webhooks export diagnostics",
    "operations",
    "mcp",
    "pytest_plugin cli",
    "__main__",
)
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names.split()}

# Imports of libraries for annotations only.
ANNOTATIONS_MAY_IMPORT = {("client", "aiohttp"), ("pages", "pyarrow")}

# The modules of the client that may import a library, at the top or in a function.
ALLOWED_IMPORTERS = {
    "aiohttp": {"transport", "webhooks", "cli"},
    "yarl": {"transport"},
    "backoff": {"retry"},
    "redis": {"redis_connection", "redis_script", "redis_rate_limiter", "redis_token_store", "export", "cli"},
    "pytest": {"pytest_plugin"},
    "opentelemetry": {"telemetry"},
    "pydantic": {"models"},
    "pydantic_core": {"models"},
    "typer": {"cli", "__main__"},
    "rich": {"cli"},
    "pyarrow": {"arrow", "export"},
    "zstandard": {"export"},
    "dask": {"export", "cli"},
    "distributed": {"export"},
    "dlt": {"export"},
    "uvloop": {"cli"},
    "mcp": {"mcp"},
    "mcp_types": {"mcp"},
    "uvicorn": {"mcp"},
}
# The folders of the sandbox, from the lowest up. The modules outside of them may import all.
SANDBOX_ROWS = [
    *("state", "http", "accounts", "event_types", "calendars", "slots", "bookings"),
    *(
        "organizations",
        "schedules",
        "version_2024_04_15",
        "routing",
        "platform",
        "webhooks",
        "seed",
        "world",
        "control",
    ),
]
SANDBOX_MAY_IMPORT = {"aiohttp", "msgspec", "multidict", "yarl", "yaml"}


class Import(NamedTuple):
    """An import: importing module, target and kind."""

    module: str
    target: str
    only_types: bool
    in_function: bool


def modules() -> list[str]:
    """Return the names of all modules."""
    return [name for name, _ in files()]


def files() -> Iterator[tuple[str, Path]]:
    """Yield the name and the file of each module."""
    for file in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"), file


# Trees are dropped after use: kept alive, they would slow down each `gc.collect()` of the tests that follow.
def trees() -> Iterator[tuple[str, ast.Module]]:
    """Yield the name and the syntax tree of each module."""
    return ((name, ast.parse(file.read_text("utf-8"))) for name, file in files())


# Read when the first test needs them: every worker collects this file, and only some run it.
@cache
def imports() -> list[Import]:
    """Return every import of the package."""
    return [
        statement for module, tree in trees() for statement in below(module, tree, only_types=False, in_function=False)
    ]


@cache
def internal_imports() -> list[Import]:
    """Return the imports of one module of the package by another."""
    return [statement for statement in imports() if statement.target.split(".")[0] == "calcom_async"]


def below(module: str, node: ast.AST, *, only_types: bool, in_function: bool) -> Iterator[Import]:
    """Yield the imports inside a syntax node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for target in targets(module, child):
                yield Import(module, target, only_types, in_function)
        elif not isinstance(child, ast.expr):  # an expression contains no import
            guarded = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from below(module, child, only_types=only_types or guarded, in_function=in_function or function)


def targets(module: str, statement: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the full names that a statement imports; `from package import name` may name a module."""
    names = [alias.name for alias in statement.names]
    if isinstance(statement, ast.Import):
        return names
    home = statement.module or ""
    if statement.level:
        is_package = (PACKAGE / module.replace(".", "/")).is_dir()
        parents = ["calcom_async", *module.split(".")][: None if is_package else -1]
        home = ".".join([*parents[: len(parents) - statement.level + 1], *([home] if home else [])])
    if home == "calcom_async":  # public names are imported lazily, so the import counts as one of their module
        return [f"{home}.{MODULE_OF.get(name, name)}" for name in names]
    folder = PACKAGE.parent / home.replace(".", "/")
    return [f"{home}.{name}" if is_module(folder / name) else home for name in names]


def is_module(path: Path) -> bool:
    """Return whether the path is a module or a package."""
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def area(module: str) -> str:
    """Return the file or folder directly below the package."""
    return module.removeprefix("calcom_async.").split(".")[0]


def side(module: str) -> str:
    """Return "sandbox" or "client"."""
    return "sandbox" if area(module) == "sandbox" else "client"


def test_every_module_has_a_layer():
    """Every file and folder has a layer."""
    known = {*LAYER, "sandbox", "__init__"}
    assert {area(name) or "__init__" for name in modules()} <= known


def test_modules_import_only_lower_layers():
    """A module imports only from lower layers or its own, also in functions and for type checkers."""
    wrong = [
        f"{statement.module} imports {statement.target}"
        for statement in internal_imports()
        if side(statement.module) == "client"
        and area(statement.module) != "__init__"
        and area(statement.target) not in {"sandbox", area(statement.module)}
        and LAYER[area(statement.target)] > LAYER[area(statement.module)]
    ]
    assert wrong == []


def test_there_are_no_cycles():
    """The modules can be ordered so that each imports only earlier ones, also in functions and for type checkers."""
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for statement in internal_imports():
        target = statement.target.removeprefix("calcom_async.")
        if target in graph:
            graph[statement.module].add(target)
    assert len(tuple(TopologicalSorter(graph).static_order())) == len(graph)


def test_models_import_only_models_and_msgspec():
    """Models import only msgspec, the errors and the standard library; the module for pydantic imports pydantic too."""
    foreign = {
        (statement.module, statement.target.split(".")[0])
        for statement in imports()
        if area(statement.module) == "models" and statement.target.split(".")[0] not in sys.stdlib_module_names
    }
    assert {library for module, library in foreign if module != "models._pydantic"} == {"calcom_async", "msgspec"}
    assert {library for module, library in foreign if module == "models._pydantic"} == {
        "msgspec",
        "pydantic",
        "pydantic_core",
    }
    assert {area(statement.target) for statement in internal_imports() if area(statement.module) == "models"} == {
        "models",
        "_lazy",
        "errors",
    }


def test_the_sandbox_is_separate():
    """The sandbox imports nothing else of the package, so that it cannot share mistakes of the client."""
    targets_of_the_sandbox = {
        statement.target for statement in internal_imports() if side(statement.module) == "sandbox"
    }
    assert {target for target in targets_of_the_sandbox if not target.startswith("calcom_async.sandbox")} == set()
    foreign = {statement.target.split(".")[0] for statement in imports() if side(statement.module) == "sandbox"}
    assert foreign - set(sys.stdlib_module_names) - {"calcom_async"} <= SANDBOX_MAY_IMPORT


def test_a_folder_of_the_sandbox_imports_only_lower_ones():
    """A folder of the sandbox imports only itself and folders below, for annotations too."""
    wrong = [
        f"{statement.module} imports {statement.target}"
        for statement in internal_imports()
        if (folder := sandbox_folder(statement.module)) in SANDBOX_ROWS
        and sandbox_folder(statement.target.removeprefix("calcom_async."))
        not in SANDBOX_ROWS[: SANDBOX_ROWS.index(folder) + 1]
    ]
    assert wrong == []


def test_the_sandbox_has_few_top_modules():
    """Outside its folders the sandbox has at most six modules, and every folder has its row."""
    names = {name.split(".")[1] for name in modules() if name.startswith("sandbox.")}
    assert len(names - set(SANDBOX_ROWS)) <= 6
    assert names >= set(SANDBOX_ROWS)


def sandbox_folder(module: str) -> str:
    """Return the folder of a sandbox module."""
    return module.split(".")[1] if module.startswith("sandbox.") else ""


def test_the_sandbox_has_no_cycles():
    """The modules of the sandbox can be ordered so that each imports only earlier ones, for annotations too."""
    graph = {name: set() for name in modules() if name.startswith("sandbox")}
    for statement in internal_imports():
        target = statement.target.removeprefix("calcom_async.")
        if statement.module in graph and target in graph:
            graph[statement.module].add(target)
    assert len(tuple(TopologicalSorter(graph).static_order())) == len(graph)


def test_the_client_does_not_need_the_sandbox():
    """Only the pytest plugin and the command line import the sandbox."""
    importers = {
        area(statement.module)
        for statement in internal_imports()
        if area(statement.target) == "sandbox" and side(statement.module) == "client"
    }
    assert importers <= {"pytest_plugin", "cli", "__main__"}


def test_only_front_ends_import_the_catalog():
    """Client and sandbox do not import the catalog of operations, so that it can check both."""
    importers = {area(statement.module) for statement in internal_imports() if area(statement.target) == "operations"}
    assert importers <= {"operations", "cli", "mcp"}


@pytest.mark.parametrize("library", ALLOWED_IMPORTERS)
def test_each_library_has_its_importers(library):
    """Each library is imported only by the modules in the table."""
    importers = {
        area(statement.module)
        for statement in imports()
        if statement.target.split(".")[0] == library and side(statement.module) == "client"
    }
    allowed = ALLOWED_IMPORTERS[library] | {module for module, target in ANNOTATIONS_MAY_IMPORT if target == library}
    assert importers <= allowed


def test_annotations_are_the_only_exception():
    """Imports that are allowed for annotations are type-only."""
    for module, target in ANNOTATIONS_MAY_IMPORT:
        type_imports = [
            statement
            for statement in imports()
            if statement.module == module and statement.target.split(".")[0] == target
        ]
        assert type_imports
        assert all(statement.only_types for statement in type_imports)


def test_only_known_libraries_are_imported():
    """Only the standard library, msgspec and the libraries of the table are imported."""
    foreign = {statement.target.split(".")[0] for statement in imports() if side(statement.module) == "client"}
    assert foreign - set(sys.stdlib_module_names) <= {"calcom_async", "msgspec", *ALLOWED_IMPORTERS}


def test_extras_are_imported_when_they_are_used():
    """The package can be imported without its extras: they are imported in functions, or in modules of their own."""
    required = {"aiohttp", "yarl", "backoff", "msgspec", "calcom_async", "pytest"}
    at_the_top = {
        (area(statement.module), statement.target.split(".")[0])
        for statement in imports()
        if side(statement.module) == "client"
        and not (statement.in_function or statement.only_types)
        and area(statement.module) != "cli"
        and statement.module != "models._pydantic"  # imported by pydantic, through a function of `Model`
    }
    extras = {(module, library) for module, library in at_the_top if library in set(ALLOWED_IMPORTERS) - required}
    own_modules = {"redis_connection", "redis_token_store", "arrow", "export", "mcp", "telemetry"}
    assert {module for module, _ in extras} <= own_modules


def test_no_module_is_called_utils():
    """No module has a name like utils or helpers."""
    assert not {name.rsplit(".", 1)[-1] for name in modules()} & {"utils", "helpers", "common", "misc"}


def test_arguments_are_compared_with_none():
    """Arguments that are objects are compared with None, because an object with a length may be falsy."""
    arguments = re.compile(
        r"(self\.)?_?(on_(event|error|progress|outcome|refresh)|deduplicate|session|limiter|credentials)"
    )
    tested = [
        f"{module}: {ast.unparse(test)}"
        for module, tree in trees()
        if side(module) == "client" and area(module) != "cli"
        for test in conditions(tree)
        if arguments.fullmatch(ast.unparse(test))
    ]
    assert tested == []


def conditions(tree: ast.AST) -> Iterator[ast.expr]:
    """Return all expressions whose truth value is tested."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            yield node.test
        elif isinstance(node, ast.BoolOp):
            yield from node.values
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node.operand
