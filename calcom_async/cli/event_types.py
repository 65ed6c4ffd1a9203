"""`event-types`: list event types."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from calcom_async.cli.connect import run_with_client
from calcom_async.cli.options import Command, JsonOption, Target, with_target
from calcom_async.cli.tables import Column, row_printer
from calcom_async.client import Calcom
from calcom_async.errors import InvalidRequestError
from calcom_async.models.event_types import EventType

COLUMNS = [
    Column[EventType]("id", lambda event_type: event_type.id),
    Column[EventType]("slug", lambda event_type: event_type.slug),
    Column[EventType]("title", lambda event_type: event_type.title, can_shorten=True),
    Column[EventType]("minutes", lambda event_type: event_type.length_in_minutes),
    Column[EventType]("hidden", lambda event_type: event_type.hidden),
    Column[EventType]("link", lambda event_type: event_type.booking_url),
]

event_types: typer.Typer = typer.Typer(name="event-types", help="List event types.", no_args_is_help=True)


# Without a callback, typer would make the only command of the group the group itself.
@event_types.callback()
def _group() -> None:
    """List event types."""


@event_types.command("list", cls=Command)
@with_target
def list_event_types(
    target: Target,
    user: Annotated[
        str | None, typer.Option(metavar="USERNAME", help="Public event types of this user instead of yours.")
    ] = None,
    team: Annotated[int | None, typer.Option(metavar="ID", help="Event types of this team instead of yours.")] = None,
    json: JsonOption = False,
) -> None:
    """List event types.

    The other commands accept the id, USERNAME/SLUG or the link of an event type.

    calcom-async event-types list

    calcom-async event-types list --user ana
    """
    if user and team:
        raise InvalidRequestError("--user cannot be combined with --team: they select different event types")

    async def work(cal: Calcom) -> None:
        pages: Any = cal.event_types.list(username=user) if team is None else cal.team(team).event_types.list()
        with row_printer(COLUMNS, json=json) as print_row:
            async for event_type in pages:
                print_row(event_type)

    run_with_client(target, work)
