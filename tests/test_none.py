"""What None means, for every method and every model: the annotation decides.

`T | None = None` says "not given": None and leaving out are the same request. `T | UnsetType | None = UNSET` sends
null, and only the fields below have it, those of which null is known to clear the field or to mean something.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from types import NoneType
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from msgspec import UNSET, UnsetType

from calcom_async import models
from calcom_async.errors import InvalidRequestError
from calcom_async.models import Model
from calcom_async.operations import python_calls
from calcom_async.pages import Pages
from calcom_async.requests import encode
from calcom_async.resources._base import Resource

NULLABLE = {
    "CalVideoSettings": {"redirect_url_on_exit", "transcription_language"},
    "CreateEventType": {"slot_interval", "schedule_id"},
    "CreateTeamEventType": {"slot_interval", "schedule_id"},
    "CreateOrganizationUser": {"theme", "app_theme", "locale"},
    "UpdateOrganizationUser": {"theme", "app_theme", "locale"},
    "Routing": {
        "response_id",
        "queued_response_id",
        "team_member_email",
        "crm_record_owner_fallback_team_member_ids",
        "crm_record_owner_fallback_mode",
        "skip_contact_owner",
        "crm_app_slug",
        "crm_owner_record_type",
    },
    "UpdateCalendarEvent": {"description", "attendees", "status"},
    "UpdateCalendarEventAttendee": {"response_status", "is_self", "optional", "host"},
    "UpdateEventType": {"slot_interval", "schedule_id", "booking_proposal_count"},
    "UpdateManagedUser": {"name", "bio"},
    "UpdateMe": {"name", "bio"},
    "UpdateUserBookingLimits": {"per_day", "per_week", "per_month", "per_year"},
    "UpdateTeamEventType": {"slot_interval", "schedule_id", "booking_proposal_count"},
}


PUBLIC = [getattr(models, name) for name in models.__all__]
MODELS = [kind for kind in PUBLIC if isinstance(kind, type) and issubclass(kind, Model)]


@cache
def methods() -> list[tuple[str, Any, Any, list[Any], dict[str, Any]]]:
    """Return every method of every resource, with the arguments of each way to call it."""
    calls = []

    def note(name: str, method: Any, function: Any) -> Iterator[python_calls.PythonCall]:
        for arguments, keywords in python_calls.sample_arguments(
            function, f"{type(method.__self__).__name__}.{function.__name__}"
        ):
            result = method(*arguments, **keywords)
            if isinstance(result, Resource):
                yield from python_calls.calls_of_resource(f"{name}(...)", result)
                return
            if inspect.iscoroutine(result):
                result.close()
            calls.append((name, method, function, arguments, keywords))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(python_calls, "_calls_of_method", note)
        assert list(python_calls.python_calls()) == []
    return calls


def outcome(method: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """Return the request of a call, or the error that it raises."""
    try:
        result = method(*arguments, **keywords)
        request, _ = python_calls.call_of(result.first_page() if isinstance(result, Pages) else result)
    except InvalidRequestError as error:
        return str(error)
    return request.method, request.path, request.query, request.headers, request.body


def keyword_hints(function: Any) -> dict[str, Any]:
    hints = get_type_hints(function)
    hints_of_keywords = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            hints_of_keywords |= get_type_hints(get_args(hints[parameter.name])[0])
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is not parameter.empty:
            hints_of_keywords[parameter.name] = hints[parameter.name]
    return hints_of_keywords


def test_none_is_not_given_in_every_method():
    """A keyword that accepts None but not UNSET sends the same request with None as without it."""
    checked = 0
    for name, method, function, arguments, keywords in methods():
        for keyword, hint in keyword_hints(function).items():
            assert UnsetType not in get_args(hint), f"{name}({keyword}=)"
            if NoneType in get_args(hint) and keyword in keywords:
                without = {other: value for other, value in keywords.items() if other != keyword}
                assert outcome(method, arguments, without | {keyword: None}) == outcome(method, arguments, without), (
                    f"{name}({keyword}=None)"
                )
                checked += 1
    assert checked > 300


def test_optional_keywords_say_none():
    """A keyword that may be omitted and has no default value accepts None."""
    for name, _, function, _, _ in methods():
        for parameter in inspect.signature(function).parameters.values():
            if parameter.default is None:
                assert NoneType in get_args(get_type_hints(function)[parameter.name]), f"{name}({parameter.name}=)"


def samples() -> Iterator[tuple[type[Model], Model]]:
    """Yield each model with an instance, without those that need texts of a certain form."""
    for kind in MODELS:
        with suppress(InvalidRequestError):
            yield kind, python_calls.sample_value(kind, kind.__name__)


def test_most_models_have_a_sample():
    """The tests of samples below see more than nine in ten models."""
    assert len(list(samples())) > 0.9 * len(MODELS)


def test_only_fields_that_send_null_default_to_unset():
    """A field defaults to UNSET if it is in the table above, and then it accepts None too."""
    for kind in MODELS:
        hints = get_type_hints(kind)
        nullable = {field.name for field in msgspec.structs.fields(kind) if field.default is UNSET}
        assert nullable == NULLABLE.get(kind.__name__, set()), kind
        assert all(NoneType in get_args(hints[name]) for name in nullable), kind
        assert {name for name in kind.__struct_fields__ if UnsetType in get_args(hints[name])} == nullable, kind


def test_what_none_means_in_a_model():
    """A field that defaults to None is not sent when it is None; one that defaults to UNSET sends null."""
    for kind, sample in samples():
        for field in msgspec.structs.fields(kind):
            if field.default is not UNSET and field.default is not None:
                continue
            with suppress(InvalidRequestError):  # one of two that are needed
                body = json.loads(encode(msgspec.structs.replace(sample, **{field.name: None})))
                assert (field.encode_name in body) is (field.default is UNSET), f"{kind.__name__}.{field.name}"


def test_none_is_not_given_at_any_depth():
    """The rule holds for models within models, lists and plain objects; a plain object keeps its own None."""
    attendee = models.Attendee(name="Ada", email="a@b.test", time_zone="UTC", language=None)
    body = {"one": attendee, "many": [attendee], "plain": {"x": None}, "deep": models.AddGuests(guests=[])}
    sent = json.loads(encode(body))
    assert sent["one"] == sent["many"][0] == {"name": "Ada", "email": "a@b.test", "timeZone": "UTC"}
    assert sent["plain"] == {"x": None}


def test_a_repr_shows_what_is_set():
    """None and UNSET are not printed."""
    for kind, sample in samples():
        for field in msgspec.structs.fields(kind):
            msgspec.structs.force_setattr(sample, field.name, UNSET if field.default is UNSET else None)
        if kind is not models.WebhookEvent:  # it has a repr of its own
            assert repr(sample) == f"{kind.__name__}()"
