"""The two kinds of validation errors, and the rules."""

from __future__ import annotations

import json

import pytest

from calcom_async.sandbox.http import constraints as rules
from calcom_async.sandbox.http.constraints import (
    array,
    boolean,
    date_string,
    defined,
    each,
    integer,
    minimum,
    one_of,
    string,
)
from calcom_async.sandbox.http.errors import HttpError
from calcom_async.sandbox.http.forms import Check, Field, Form, take_and_skip, to_bool, to_ints, to_list

STATUSES = ("upcoming", "recurring", "past", "cancelled", "unconfirmed")
status = each(one_of(STATUSES)).with_text(f"Invalid status. Allowed are {', '.join(STATUSES)}")

ATTENDEE = Form(Field("name", string), Field("timeZone", rules.time_zone))
BOOKING = Form(
    Field("start", date_string),
    Field("attendee", defined, nested=ATTENDEE),
    Field("eventTypeId", optional=True),
    Check(
        "eventTypeId or eventTypeSlug + username",
        "eventType",
        "Either eventTypeId or eventTypeSlug + username or eventTypeSlug + teamSlug must be provided",
        lambda target: "eventTypeId" in target,
    ),
)
WEBHOOK = Form(Field("active", boolean), Field("subscriberUrl", string))

#: recorded answer -> the form and data that must make it
GLOBAL = {
    "eventtypes_create_400": (
        Form(Field("lengthInMinutes", minimum(1), integer), Field("title", string), Field("slug", string)),
        {"title": "Tmp"},
    ),
    "schedules_create_400": (
        Form(Field("name", string), Field("timeZone", rules.time_zone), Field("isDefault", boolean)),
        {"name": "x", "dropped": 1},
    ),
    "me_patch_bad_timezone_400": (
        Form(Field("timeZone", rules.time_zone, optional=True)),
        {"timeZone": "Mars/Olympus"},
    ),
    "bookings_list_take251_400": (Form(*take_and_skip(take=100)), {"take": "251"}),
    "bookings_list_bad_status_400": (
        Form(Field("status", status, optional=True, convert=to_list)),
        {"status": "nope"},
    ),
}


def error_of(read, data):
    with pytest.raises(HttpError) as caught:
        read(data)
    return caught.value


def errors_of(form, data):
    return error_of(form.read, data).details["errors"]


@pytest.mark.parametrize("name", GLOBAL)
def test_global_pipe_as_recorded(shared, name):
    """The validation error equals the recorded one, key order included."""
    form, data = GLOBAL[name]
    recorded = json.loads((shared / "reference/real" / f"{name}.json").read_text())["response"]["body"]["error"]
    error = error_of(form.read, data)
    assert json.dumps({"code": error.code, "message": error.message, "details": error.details}) == json.dumps(recorded)


def test_webhook_as_recorded(shared):
    """Several constraints of a list are in the recorded order."""
    body = json.loads((shared / "reference/real/webhooks_create_400.json").read_text())["response"]["body"]
    recorded = body["error"]["details"]["errors"]
    triggers = recorded[2]["constraints"]["isEnum"].rpartition(": ")[2].split(", ")
    form = Form(*WEBHOOK.parts, Field("triggers", each(one_of(triggers)), array))
    assert json.dumps(errors_of(form, {})) == json.dumps(recorded)


@pytest.mark.parametrize(
    ("name", "form", "data"),
    [
        ("bookings_create_400", BOOKING, {"start": "2027-02-25T10:00:00Z"}),
        (
            "slots_no_dates_400",
            Form(Field("eventTypeId"), Field("start", date_string), Field("end", date_string)),
            {"eventTypeId": "3"},
        ),
    ],
)
def test_strict_pipe_as_recorded(shared, name, form, data):
    """The message equals the recorded one, with its spaces."""
    recorded = json.loads((shared / "reference/real" / f"{name}.json").read_text())["response"]["body"]["error"]
    error = error_of(form.read_strict, data)
    assert (error.code, error.message, error.details) == (recorded["code"], recorded["message"], recorded["details"])


def test_strict_nested_sentence():
    """Children follow their parent, and unknown fields come first."""
    data = {"start": "2027-02-25", "eventTypeId": 1, "attendee": {"name": 1, "timeZone": "Mars"}, "foo": 1}
    assert error_of(BOOKING.read_strict, data).message == (
        "foo property is wrong,property foo should not exist , "
        "attendee property is wrong, name property is wrong,name must be a string , "
        "timeZone property is wrong,timeZone must be a valid IANA time-zone "
    )


def test_unknown_fields_are_dropped_at_every_depth():
    """Unknown fields are dropped at every depth, from the values and from the target in the error."""
    form = Form(Field("a", nested=Form(Field("b", string))))
    assert form.read({"a": {"b": "x", "c": 1}, "d": 1}) == {"a": {"b": "x"}}
    assert errors_of(form, {"a": {"b": 1, "c": 1}, "d": 1})[0]["target"] == {"a": {"b": 1}}


def test_lists_of_objects():
    """Errors inside a list are below the index; those of values that are not objects say so."""
    form = Form(Field("a", array, nested=Form(Field("b", string))))
    (problem,) = errors_of(form, {"a": [{"b": "x"}, {"b": 1}, 7]})
    assert "constraints" not in problem
    inner, broken = problem["children"]
    assert (inner["property"], inner["value"], inner["children"][0]["property"]) == ("1", {"b": 1}, "b")
    assert broken["constraints"] == {"nestedValidation": "nested property 2 must be either object or array"}
    (problem,) = errors_of(form, {"a": "text"})
    assert set(problem["constraints"]) == {"isArray", "nestedValidation"}


def test_absent_null_and_default():
    """An optional field may be missing or null; a default replaces both; only null is repeated in the error."""
    form = Form(Field("a", string, optional=True, default="x"), Field("b", string))
    assert form.read({"b": "y"}) == {"a": "x", "b": "y"}
    assert form.read({"a": None, "b": "y"}) == {"a": "x", "b": "y"}
    assert "value" not in errors_of(form, {})[0]
    assert errors_of(form, {"b": None})[0]["value"] is None


def test_partial_and_extended():
    """A partial form requires no field; `when` switches a field off."""
    form = Form(Field("a", string)).extended(Field("b", string, when=lambda target: "a" in target))
    assert form.read({"a": "x", "b": "y"}) == {"a": "x", "b": "y"}
    assert [problem["property"] for problem in errors_of(form, {})] == ["a"]
    assert form.partial().read({}) == {}
    assert form.partial().read({"b": None}) == {"b": None}
    assert errors_of(form.partial(), {"a": 1})[0]["property"] == "a"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, (250, 0)),
        ({"take": "10", "skip": "3"}, (10, 3)),
        ({"take": "1.5", "skip": "1.9"}, (1, 1)),
        ({"take": ""}, (250, 0)),
    ],
)
def test_take_and_skip(query, expected):
    """Fractions are cut, and an empty text counts as missing."""
    values = Form(*take_and_skip()).read(query)
    assert (values["take"], values["skip"]) == expected


@pytest.mark.parametrize(
    ("query", "broken"),
    [
        ({"take": "0"}, {"min"}),
        ({"take": "251"}, {"max"}),
        ({"take": "abc"}, {"min", "max", "isNumber"}),
        ({"skip": "-1"}, {"min"}),
    ],
)
def test_take_and_skip_out_of_range(query, broken):
    """Values out of range are rejected rather than clamped."""
    assert set(errors_of(Form(*take_and_skip()), query)[0]["constraints"]) == broken


def test_blank_take_of_bookings_lists():
    """Lists of bookings reject an empty `take`."""
    assert errors_of(Form(*take_and_skip(blank_ok=False)), {"take": ""})


def test_conversions():
    """Texts of a query are converted to lists, numbers and booleans."""
    assert to_list("a, b") == to_list(["a", "b"]) == ["a", "b"]
    assert to_ints("1,2") == [1, 2]
    assert [to_bool("true"), to_bool("false"), to_bool("maybe"), to_bool(value=True)] == [True, False, "maybe", True]


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (rules.integer, [0, -3, 2.0], [True, "1", 1.5, None, float("nan")]),
        (rules.number, [0, 1.5], [True, "1", float("nan")]),
        (rules.boolean, [True], [1, "true", None]),
        (rules.not_empty, ["x", 0, []], ["", None]),
        (rules.positive, [1], [0, -1]),
        (rules.minimum(2), [2], [1, "3"]),
        (rules.maximum(2), [2], [3, None]),
        (rules.min_length(2), ["ab"], ["a", None]),
        (rules.max_length(2), ["ab"], ["abc"]),
        (rules.min_size(1), [[1]], [[], "a"]),
        (rules.max_size(1), [[1]], [[1, 2]]),
        (rules.array_not_empty, [[1]], [[], None]),
        (rules.object_, [{}], [[], None]),
        (rules.equals("x"), ["x"], ["y"]),
        (rules.one_of([1, "a"]), [1, "a"], [True, "1", None, []]),
        (rules.matches(r"^\d+$"), ["12"], ["a", 12]),
        (rules.email, ["a+b@c.test"], ["a@b", "a b@c.test", None]),
        (
            rules.url,
            ["https://a.test/x?y", "http://10.0.0.1:80", "a.test"],
            ["http://localhost", "x", "ht!tp://a.test"],
        ),
        (rules.local_url, ["http://localhost:8000/hook"], ["x y", 1]),
        (rules.time_zone, ["Europe/Rome", "europe/rome", "UTC"], ["Mars/Olympus", "", "../etc", "Europe", None]),
        (
            rules.date_string,
            ["2026-01-02", "2026-01-02T10:00:00Z", "2026-01-02T10:00:00.000+02:00", "2026-02-30"],
            ["2026-13-01", "tomorrow", "", None, 5, "2026-01-02T25:00"],
        ),
        (rules.strict_iso8601, ["2028-02-29"], ["2026-02-30", "2026-02-29T10:00:00Z"]),
    ],
)
def test_rules(rule, good, bad):
    """Each rule accepts the values that class-validator accepts."""
    assert [value for value in good if not rule.test(value)] == []
    assert [value for value in bad if rule.test(value)] == []


def test_zone_spelling():
    """Time zones are found in any case and returned in their proper spelling."""
    assert rules.canonical_zone("europe/rome") == "Europe/Rome"
    assert rules.canonical_zone("Nowhere/Land") is None
