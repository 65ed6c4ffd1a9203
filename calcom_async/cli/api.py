"""`api` and `whoami`: send one request and print the response."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from calcom_async.cli.connect import origin_of, run_with_client
from calcom_async.cli.options import DryRunOption, JsonOption, Target, one_of, with_target
from calcom_async.cli.tables import columns_of, print_fields, print_rows
from calcom_async.cli.terminal import print_json, print_status
from calcom_async.client import Calcom
from calcom_async.errors import InvalidRequestError

METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "HEAD")


def complete_path(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Yield the paths of operations that begin like this, for the completion of the shell. Typed ids are kept."""
    from calcom_async.operations.catalog import OPERATIONS

    *typed, last = incomplete.split("/")
    for operation in OPERATIONS:
        parts = operation.path.split("/")
        if operation.verb != ctx.params.get("method") or len(parts) <= len(typed):
            continue
        part = parts[len(typed)]
        if part.startswith(last) and all(map(_fits, typed, parts)):
            yield "/".join([*typed, *parts[len(typed) :]])
        elif last and part.startswith("{") and all(map(_fits, typed, parts)):
            yield "/".join([*typed, last, *parts[len(typed) + 1 :]])


def _fits(text: str, part: str) -> bool:
    return text == part or (part.startswith("{") and text != "")


@with_target
def api(
    target: Target,
    method: Annotated[
        str,
        typer.Argument(
            metavar="METHOD",
            parser=one_of(METHODS),
            autocompletion=lambda: METHODS,
            help="GET, POST, PATCH, PUT, DELETE or HEAD.",
        ),
    ],
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="Path, for example /v2/bookings.", autocompletion=complete_path)
    ],
    query: Annotated[
        list[str] | None, typer.Option("--query", "-q", metavar="NAME=VALUE", help="Query parameter (repeatable).")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", "-d", metavar="JSON", help="JSON body. @FILE reads a file, @- standard input."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option("--api-version", metavar="DATE", help="cal-api-version header. [default: the version of PATH]"),
    ] = None,
    all_pages: Annotated[bool, typer.Option("--all", help="Fetch all pages of a list and print the rows.")] = False,
    dry_run: DryRunOption = False,
    json: Annotated[bool, typer.Option("--json", help="With --all: print JSON instead of a table.")] = False,
) -> None:
    """Send a request and print the response.

    The output is JSON, or with --all a table of all rows of a list.

    calcom-async api GET /v2/bookings -q status=upcoming -q take=5

    calcom-async api PATCH /v2/me -d '{"timeFormat": 24}'
    """
    params, payload = _params(query or []), _body(data)
    if all_pages and (method != "GET" or payload is not None):
        raise InvalidRequestError("--all works only with GET and without --data")
    if all_pages:
        from calcom_async.operations.lists import list_rows

        rows = run_with_client(target, lambda cal: list_rows(cal, path, params, version=version).collect())
        print_rows(rows, columns_of(rows), json=json)
        return

    async def send(cal: Calcom) -> None:
        print_json(await cal.request(method, path, query=params, body=payload, version=version))

    run_with_client(target, send, dry_run=dry_run)


def _params(pairs: list[str]) -> dict[str, list[str]]:
    """Return the values by name. Cal.com takes several values of one name as a comma-separated list."""
    params: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise InvalidRequestError(f"--query must be NAME=VALUE, got {pair}")
        params.setdefault(name, []).append(value)
    return params


def _body(text: str | None) -> Any:
    """Return the JSON of --data, or of the file that it names."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(_content(text[1:]) if text.startswith("@") else text)
    except OSError as error:
        raise InvalidRequestError(f"--data: cannot read {text[1:]}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidRequestError(f"--data must be JSON: {error}") from error


def _content(file: str) -> bytes:
    """Read a file, or standard input for `-`."""
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()


@with_target
def whoami(
    target: Target,
    json: JsonOption = False,
) -> None:
    """Show the user of the API key.

    calcom-async whoami
    """
    me = msgspec.to_builtins(run_with_client(target, lambda cal: cal.me.get()))
    if json:
        print_json(me)
    else:
        print_fields({name: value for name, value in me.items() if isinstance(value, str | int | float)})
    if not target.debug:  # which prints the same
        print_status("using:", origin_of(target))
