"""`book`: book a time, at most once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from calcom_async.cli.arguments import (
    DurationOption,
    EventArgument,
    OrganizationOption,
    StartOption,
    TeamOption,
    TimeZoneOption,
    first_free,
    parse_event_type,
    parse_start,
    parse_zone,
    zone_of,
)
from calcom_async.cli.booking_output import print_booking, start_hints
from calcom_async.cli.connect import run_with_client
from calcom_async.cli.options import DryRunOption, JsonOption, Target, with_target
from calcom_async.cli.terminal import print_status
from calcom_async.client import Calcom
from calcom_async.errors import InvalidRequestError, UnknownOutcomeError
from calcom_async.models.bookings import Attendee


@with_target
def book(
    target: Target,
    event: EventArgument,
    start: StartOption,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the attendee.")],
    email: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="Email address of the attendee. Required without --phone.")
    ] = None,
    phone: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Phone number of the attendee, for example +390612345678.")
    ] = None,
    answer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Answer to a question of the event type, by its slug (repeatable). VALUE is text. With KEY:=VALUE it "
            "is JSON, for example guests:=2. If a KEY is repeated, its values become a list.",
        ),
    ] = None,
    time_zone: TimeZoneOption = None,
    guest: Annotated[
        list[str] | None, typer.Option(metavar="EMAIL", help="Email address of a guest (repeatable).")
    ] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Additional notes for the host.")] = None,
    duration: DurationOption = None,
    reserve: Annotated[bool, typer.Option("--reserve", help="Reserve the slot while booking.")] = False,
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Idempotency key: running the command again with the same key returns the existing booking.",
        ),
    ] = None,
    team: TeamOption = False,
    organization: OrganizationOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Book a free time.

    The command never makes two bookings: if the response is lost, it looks for the booking before it tries again.

    calcom-async book ana/thirty --start first --name Ada --email ada@example.com

    calcom-async book ana/demo --start first --name Bo --phone +390612345678 --answer topic=Trial --answer seats:=2
    """
    event_type = parse_event_type(event, team=team, organization=organization)
    duration = duration or event_type.pop("duration", None)
    when = parse_start(start)
    zone = None if time_zone is None else parse_zone(time_zone)
    _check(when, event_type, email or phone, reserve=reserve, key=idempotency_key)
    answers = ({"notes": note} if note else {}) | _answers(answer or [])
    options = {
        "guests": guest,
        "length_in_minutes": duration,
        "booking_fields_responses": answers,
        "idempotency_key": idempotency_key,
    }
    request = event_type | {name: value for name, value in options.items() if value}

    async def work(cal: Calcom) -> None:
        display_zone = zone or await zone_of(cal)
        attendee = Attendee(name=name, email=email or None, phone_number=phone or None, time_zone=display_zone.key)
        slot_start = when or await first_free(cal, event_type | {"time_zone": display_zone.key, "duration": duration})
        if reserve and dry_run:
            print_status("[yellow]dry run:[/]", "without --dry-run the command would first reserve the slot")
        with start_hints(slot_start, display_zone), _key_hint(idempotency_key):
            booking = await cal.book(start=slot_start, attendee=attendee, reserve=reserve and not dry_run, **request)
        print_booking(booking, display_zone, json=json)

    run_with_client(target, work, dry_run=dry_run)


def _check(
    when: datetime | None, event_type: dict[str, Any], contact: str | None, *, reserve: bool, key: str | None
) -> None:
    """Raise if the options contradict each other, or the event type."""
    if "usernames" in event_type:
        raise InvalidRequestError("the API cannot book a meeting with several users; book it on the page of the link")
    if not contact:
        raise InvalidRequestError("--email or --phone is required, so that the attendee can be reached")
    if reserve and "event_type_id" not in event_type:
        raise InvalidRequestError("--reserve works only with the id of the event type, not with a slug")
    if key == "":
        raise InvalidRequestError("--idempotency-key must not be empty")
    if key and when is None:
        raise InvalidRequestError(
            "--idempotency-key needs a time in --start instead of first, because the key belongs to one start time"
        )


def _answers(pairs: list[str]) -> dict[str, Any]:
    """Return the answers by the slug of the question."""
    answers: dict[str, list[Any]] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        slug = key.removesuffix(":")
        if not (slug and equals):
            raise InvalidRequestError(f"--answer must be KEY=VALUE or KEY:=JSON, got {pair}")
        try:
            value = msgspec.json.decode(text) if key.endswith(":") else text
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise InvalidRequestError(f"--answer {slug}: the value after := must be JSON, got {text}") from error
        answers.setdefault(slug, []).append(value)
    return {slug: values if len(values) > 1 else values[0] for slug, values in answers.items()}


@contextmanager
def _key_hint(key: str | None) -> Iterator[None]:
    """Say that the idempotency key finds the booking, if it is unknown whether there is one."""
    try:
        yield
    except UnknownOutcomeError as error:
        if key:
            error.add_note(
                "Or run the same command again: with the same --idempotency-key it finds the booking if there is one."
            )
        raise
