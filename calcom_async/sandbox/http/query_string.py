"""Query strings as the `qs` parser of Express reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_INDEX = re.compile(r"[0-9]{1,9}")
#: Levels that `qs` nests; deeper brackets stay part of the key.
_MAX_DEPTH = 5


def parse_query(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Nest `a[0][b]=c` and `a[]=x`, and collect repeated keys in lists; all leaves are texts."""
    tree: dict[str, Any] = {}
    for key, value in pairs:
        head, _, _ = key.partition("[")
        inner = _BRACKETS.findall(key)
        if rest := inner[_MAX_DEPTH:]:
            inner[_MAX_DEPTH:] = ["".join(f"[{part}]" for part in rest)]
        _insert(tree, [head, *inner], value)
    return {key: _collapse(value) for key, value in tree.items()}


def _insert(tree: dict[str, Any], keys: list[str], value: str) -> None:
    """Insert a value below nested keys; a repeated key collects its values in a list."""
    for key in keys[:-1]:
        if not isinstance(tree.get(key), dict):
            tree[key] = {}
        tree = tree[key]
    last = keys[-1] or str(len(tree))
    if last not in tree:
        tree[last] = value
    elif isinstance(tree[last], list):
        tree[last].append(value)
    else:
        tree[last] = [tree[last], value]


def _collapse(value: Any) -> Any:
    """Convert branches whose keys are all numbers into lists."""
    if not isinstance(value, dict):
        return value
    inner = {key: _collapse(item) for key, item in value.items()}
    if inner and all(map(_INDEX.fullmatch, inner)):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner
