"""The exceptions: their tree, their texts, and pickling."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from calcom_async import errors
from calcom_async.errors import ApiError, CalcomError, ConfigError, RateLimit

FIELDS: dict[str, Any] = {
    "code": "Whatever",
    "details": {"errors": [{"property": "a"}]},
    "fields": {"a": ["is bad"]},
    "request_id": "r-1",
    "rate_limits": [RateLimit("default", 120, 0, 3.0)],
    "method": "GET",
    "path": "/me",
    "seconds": 0.5,
}
CLASSES = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, CalcomError)}


def example(kind: type[CalcomError]) -> CalcomError:
    """Return an error of the class."""
    if issubclass(kind, errors.RateLimitedError | errors.ServerError):
        return kind("no", status=503, retry_after=7.0, **FIELDS)
    if issubclass(kind, ApiError):
        return kind("no", status=499, **FIELDS)
    if issubclass(kind, errors.TransportError):
        return kind("broke", sent=True, seconds=0.25)
    if kind is errors.IncompleteListError:
        return kind("short", expected=3, seen=2)
    if kind is errors.UnfinishedExportError:
        return kind("left", path=Path("a.jsonl.part"), rows=3, can_resume=True)
    return kind("plain")


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("transfer", [lambda error: pickle.loads(pickle.dumps(error)), copy.deepcopy, copy.copy])
def test_every_error_can_be_pickled_and_copied(kind, transfer):
    """A pickled or copied error keeps its class, text and attributes."""
    error = example(kind)
    transferred = transfer(error)
    assert type(transferred) is kind
    assert str(transferred) == str(error) != ""
    assert transferred.args == error.args
    assert vars(transferred) == vars(error)


def test_the_documented_tree_is_the_real_one():
    """The tree in the docstring has every class with its base classes."""
    assert documented_tree() == {name: (bases(kind)) for name, kind in CLASSES.items() if name != "CalcomError"}


def documented_tree() -> dict[str, list[str]]:
    """Return the base classes of each class, as documented."""
    lines = re.findall(r"^    ([│ ]*)(?:[├└]─ )?(\w+Error)(?: \((\w+)\))?", errors.__doc__ or "", re.MULTILINE)
    parents: list[str] = []
    tree = {}
    for indent, name, builtin in lines:
        depth = len(indent) // 3 + 1 if name != "CalcomError" else 0
        del parents[depth:]
        if parents:
            tree[name] = [parents[-1], *([builtin] if builtin else [])]
        parents.append(name)
    return tree


def bases(kind: type[CalcomError]) -> list[str]:
    """Return the names of the base classes."""
    return [base.__name__ for base in kind.__bases__]


@pytest.mark.parametrize("status", errors.BY_STATUS)
def test_the_docstring_of_a_status_names_it(status):
    """The docstring of a status class begins with the status."""
    assert (errors.BY_STATUS[status].__doc__ or "").startswith(f"{status}: ")


def test_the_text_of_an_api_error():
    """The text has the operation, status, message, fields and request id."""
    error = ApiError("Bad", status=400, fields={"a.b": ["x", "y"]}, request_id="r-1", method="GET", path="/me")
    assert str(error) == "GET /me: 400 Bad (a.b: x, y) [request r-1]"


def test_an_error_shows_its_message_and_its_hint():
    """`str(error)` is the message and the hint; both survive pickling separately."""
    error = pickle.loads(pickle.dumps(ConfigError("the client is closed", hint="Open it again")))
    assert (error.message, error.hint, str(error)) == (
        "the client is closed", "Open it again", "the client is closed. Open it again"
    )  # fmt: skip
    assert str(ConfigError("is it closed?", hint="Open it")) == "is it closed? Open it"
    assert str(ConfigError("the client is closed")) == "the client is closed"


def test_the_text_of_an_api_error_without_details():
    """The text has only the parts that the server sent."""
    assert str(ApiError("Bad", status=418)) == "418 Bad"


def test_an_error_copies_its_arguments():
    """An error does not change if its arguments are changed later."""
    reasons = ["x"]
    error = ApiError("Bad", status=400, fields={"a": reasons})
    reasons.append("y")
    assert error.fields == {"a": ["x"]}


def test_the_length_of_a_text_is_bounded():
    """The text of an error is short even if the server sends five megabytes."""
    long = "x" * 5_000_000
    error = ApiError(long, status=400, fields={"a": [long], long: ["b"]}, request_id=long)
    assert len(str(error)) < 2_500
    assert error.server_message == long


def test_control_characters_of_the_server_are_not_in_messages():
    """Escape sequences, line breaks and undecodable bytes become spaces."""
    error = ApiError("a\x1b[31mb\r\nc", status=400, fields={"f\x00": ["g\u202e"]}, request_id="r\x07\udc80")
    assert str(error) == "400 a [31mb  c (f : g) [request r]"
    str(error).encode()
