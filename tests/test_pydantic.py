"""Models as types of pydantic and FastAPI: validation, JSON schemas, errors without secrets, and an application."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import httpx
import msgspec
import pytest
from fastapi import Body, FastAPI
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from sent_requests import ADA, MONDAY, THIRTY, at
from test_models import BOOKING
from test_recorded import REDIRECTS, call_method
from test_samples import SAMPLES, as_exchange

from calcom_async import Calcom, Page, models
from calcom_async.models import (
    DISABLED,
    Attendee,
    Booking,
    CreateEventType,
    CreateWebhook,
    Model,
    Seats,
    Slot,
    SlotDays,
    UpdateMe,
    Webhook,
    WebhookEvent,
    Weekday,
)
from calcom_async.models._base import SecretModel
from calcom_async.sandbox import Sandbox

EVERY_MODEL: list[Any] = [
    kind
    for name in models.__all__
    if isinstance(kind := getattr(models, name), type) and issubclass(kind, Model | SlotDays)
]
WITH_SECRETS = [kind for kind in EVERY_MODEL if issubclass(kind, SecretModel)]
SECRET = "s3cret-s3cret"


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the adapter of a type. Building one takes about a millisecond."""
    return TypeAdapter(kind)


def references(schema: Any) -> Iterator[str]:
    """Yield every `$ref` in a JSON document."""
    if isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference
        for item in schema.values():
            yield from references(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from references(item)


def check_references(document: dict[str, Any]) -> None:
    """Check that every `$ref` of a document leads to something in it."""
    for reference in references(document):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


# ----------------------------------------------------------------------------------------------------------- all models


def test_every_model_has_a_json_schema():
    """The models share one document of JSON schemas. Its references resolve, and fields have their names in the API."""
    inputs: list[Any] = [
        (kind, mode, adapter(kind)) for kind in EVERY_MODEL for mode in ("validation", "serialization")
    ]
    _, document = TypeAdapter.json_schemas(inputs)
    check_references(document)
    # Older versions of pydantic have two equal definitions, NAME-Input and NAME-Output.
    schemas = {name.partition("-")[0]: schema for name, schema in document["$defs"].items()}
    assert schemas.keys() - {"Weekday"} == {kind.__name__ for kind in EVERY_MODEL if kind is not SlotDays}
    for kind in EVERY_MODEL:
        if kind is not SlotDays:
            schema = schemas[kind.__name__]
            assert list(schema.get("properties", ())) == list(kind.__struct_encode_fields__)
            required = [field.encode_name for field in msgspec.structs.fields(kind) if field.required]
            assert schema.get("required", []) == required


def parts(value: Any) -> Iterator[Any]:
    """Yield the models in a value, the outer ones first."""
    if isinstance(value, Model):
        yield value
        value = [getattr(value, name) for name in value.__struct_fields__]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from parts(item)


def check_round_trip(value: Any) -> None:
    """Check that a model is the same after a round trip: as JSON, with Python names, and from the JSON of the API."""
    kind = adapter(type(value))
    assert kind.validate_json(kind.dump_json(value, by_alias=True)) == value
    assert kind.validate_python(kind.dump_python(value)) == value
    assert kind.validate_json(msgspec.json.encode(value)) == value


async def test_every_sample_is_the_same_in_pydantic():
    """What a method returns for a sample is the same after a round trip."""
    seen = set()
    for sample in SAMPLES:
        if sample["status"] not in REDIRECTS:
            result = await call_method(as_exchange(sample))
            for value in parts(result.items if isinstance(result, Page) else result):
                seen.add(type(value))
                check_round_trip(value)
    assert len(seen) >= 80


EXAMPLES: dict[Any, Any] = {
    str: "text",
    int: 5,
    float: 1.5,
    bool: True,
    datetime: "2030-05-06T09:00:00Z",
    date: "2030-05-06",
    Weekday: "Monday",
    Any: {"any": [1, None]},
}
TIMES = {"startTime": "09:00", "endTime": "17:00", "start": "2030-05-06T09:00:00Z", "date": "2030-05-06"}


def example(hint: Any, name: str = "") -> Any:
    """Return JSON of a type, with a value for each field of a model."""
    if isinstance(hint, TypeVar):
        return EXAMPLES[Any]
    if get_origin(hint) is Literal:
        return get_args(hint)[0]
    if get_origin(hint) is list:
        return [example(get_args(hint)[0], name)]
    if get_origin(hint) is dict:
        key, item = get_args(hint)
        return {example(key): example(item)}
    if get_args(hint):
        return example(get_args(hint)[0], name)  # the first of a union
    if issubclass(kind := hint if isinstance(hint, type) else object, Model):
        hints = get_type_hints(kind)
        fields = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
        return {sent: example(hints[field], sent) for field, sent in fields}
    return TIMES.get(name, EXAMPLES[hint]) if hint is str else EXAMPLES[hint]


@pytest.mark.parametrize("kind", [kind for kind in EVERY_MODEL if kind is not SlotDays], ids=lambda kind: kind.__name__)
def test_every_model_is_read_as_by_msgspec(kind: Any):
    """Pydantic reads JSON with every field of a model as the client does, and it is the same after a round trip."""
    value = msgspec.convert(example(kind), kind)
    assert adapter(kind).validate_python(example(kind)) == value
    check_round_trip(value)


# ----------------------------------------------------------------------------------------------------------- validation


def test_a_model_is_read_from_the_forms_that_it_has():
    """An instance stays as it is. A dict with either kind of names and JSON text become the same model."""
    booking = msgspec.convert(BOOKING, Booking)
    bookings = adapter(Booking)
    assert bookings.validate_python(booking) is booking
    assert bookings.validate_python(BOOKING) == booking
    assert bookings.validate_python(booking.to_dict()) == booking
    assert bookings.validate_json(json.dumps(BOOKING)) == booking
    assert bookings.validate_python({**BOOKING, "newField": 1}) == booking
    assert bookings.validate_python({**BOOKING, "status": "unheard_of"}).status == "unheard_of"


def test_names_and_fields_are_selected_as_pydantic_does():
    """A dump has Python names, or those of the API with `by_alias=True`; `include` and `exclude_none` work."""
    booking = msgspec.convert(BOOKING, Booking)
    assert adapter(Booking).dump_python(booking, include={"event_type_id"}) == {"event_type_id": None}
    assert adapter(Booking).dump_python(booking, include={"event_type_id"}, by_alias=True) == {"eventTypeId": None}
    assert "eventTypeId" not in adapter(Booking).dump_python(booking, exclude_none=True, by_alias=True)


def test_unset_and_null_stay_different():
    """A field that is UNSET is missing in a dump, and a null in the input is None."""
    users = adapter(UpdateMe)
    assert users.validate_python({}) == UpdateMe()
    assert users.dump_python(UpdateMe()) == UpdateMe().to_dict()
    assert users.validate_python({"bio": None}) == UpdateMe(bio=None)
    assert users.dump_python(UpdateMe(bio=None))["bio"] is None


def test_settings_that_are_disabled():
    """DISABLED, which fits every setting, is written like the setting it stands for."""
    body = CreateEventType(title="Talk", slug="talk", length_in_minutes=15, seats=DISABLED)
    written = adapter(CreateEventType).dump_python(body, exclude_none=True)
    assert written["seats"] == {"disabled": True}
    assert adapter(CreateEventType).validate_python(written).seats == Seats(disabled=True)


def test_slots_by_day():
    """The slots of a search are read and written, with their days as keys."""
    days = SlotDays({date(2030, 5, 6): [Slot(start=datetime(2030, 5, 6, 9, tzinfo=UTC))]})
    text = adapter(SlotDays).dump_json(days, by_alias=True, exclude_none=True)
    assert text == b'{"2030-05-06":[{"start":"2030-05-06T09:00:00Z"}]}'
    again = adapter(SlotDays).validate_json(text)
    assert (type(again), again) == (SlotDays, days)


def test_a_model_with_a_type_argument():
    """The payload of a webhook event has the class of the type argument, or is plain JSON without one."""
    body = {"trigger": "BOOKING_CREATED", "payload": BOOKING, "raw": {}}
    assert adapter(WebhookEvent[Booking]).validate_python(body).payload == msgspec.convert(BOOKING, Booking)
    assert adapter(WebhookEvent).validate_python(body).payload == BOOKING
    _, document = TypeAdapter.json_schemas(
        [(kind, "validation", adapter(kind)) for kind in (WebhookEvent[Booking], WebhookEvent)]
    )
    assert {"WebhookEvent", "WebhookEvent_Booking_"} <= set(document["$defs"])


def test_a_model_in_a_model_of_pydantic():
    """A model can be a field of a pydantic model."""

    class Order(BaseModel):
        booking: Booking | None

    order = Order.model_validate({"booking": BOOKING})
    assert Order.model_validate_json(order.model_dump_json()) == order


# --------------------------------------------------------------------------------------------------------------- errors


def failure(kind: Any, value: Any) -> ValidationError:
    """Return the error of an invalid value."""
    with pytest.raises(ValidationError) as caught:
        adapter(kind).validate_python(value)
    return caught.value


def test_every_error_has_its_place():
    """All errors of nested models are reported, by the names of the API."""
    hosts = [{"id": 1}, {"name": "no id"}]
    error = failure(list[Booking], [BOOKING, {**BOOKING, "start": "soon", "hosts": hosts, "duration": None}])
    places = {(*detail["loc"], detail["type"]) for detail in error.errors()}
    assert (1, "hosts", 1, "id", "missing") in places
    assert {place[:2] for place in places} == {(1, "start"), (1, "hosts"), (1, "duration")}
    assert str(failure(Booking, {})).startswith(
        "10 validation errors for function-wrap[Booking()]\nid\n  Field required"
    )


def test_a_rule_of_a_model_is_an_error_of_validation():
    """What a model itself checks is a validation error with its message."""
    (detail,) = failure(list[Attendee], [{"name": "Oz", "timeZone": "UTC"}]).errors()
    assert detail["loc"] == (0,)
    assert detail["msg"] == "Value error, attendee 'Oz' needs an email or a phone_number"
    assert detail["ctx"]["error"].__traceback__ is None


@pytest.mark.parametrize("kind", WITH_SECRETS, ids=lambda kind: kind.__name__)
def test_errors_show_no_input(kind: Any):
    """An error shows no secret of its input, whether the field, another field or the whole form is invalid."""
    fields = kind.__struct_encode_fields__
    inputs: list[Any] = [SECRET, [SECRET], {name: {"x": SECRET} for name in fields}]
    inputs += [{name: SECRET} for name in fields] + [
        {other: SECRET for other in fields if other != name} for name in fields
    ]
    errors = []
    for value in inputs:
        for whole in (kind, list[kind]):
            try:
                adapter(whole).validate_python(value if whole is kind else [value])
            except ValidationError as error:
                errors.append(error)
    assert errors
    for error in errors:
        shown = [str(error), repr(error), repr(error.errors()), error.json(), *traceback.format_exception(error)]
        assert SECRET not in "".join(shown)


def test_a_secret_in_a_part_is_not_shown():
    """The error of a model shows no input either, since a part of it may hold a secret."""
    assert SECRET not in str(failure(WebhookEvent, {"raw": {"payload": {"password": SECRET}}}))


def test_secrets_are_written_and_masked():
    """A dump holds the secrets that it was told to write; the repr of what was read masks them."""
    webhook = CreateWebhook(subscriber_url="https://example.com", active=True, triggers=[], secret=SECRET)
    written = adapter(CreateWebhook).dump_python(webhook)
    assert written["secret"] == SECRET
    assert SECRET not in repr(adapter(CreateWebhook).validate_python(written))


def test_pydantic_is_imported_when_it_is_used():
    """Models can be imported and used without importing pydantic."""
    code = (
        "import sys, calcom_async.models as models\n"
        "models.Attendee(name='Oz', email='oz@example.com', time_zone='UTC').to_dict()\n"
        "assert not {'pydantic', 'pydantic_core', 'calcom_async.models._pydantic'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -------------------------------------------------------------------------------------------------------------- FastAPI


# A model of the application with the name of one of ours.
ShopBooking: Any = create_model("Booking", __module__="shop", item=(str, ...))


def application(cal: Calcom) -> FastAPI:
    """Return an application whose requests and responses are models."""
    app = FastAPI()

    @app.get("/bookings/{uid}")
    async def get_booking(uid: str) -> Booking:
        return await cal.bookings.get(uid)

    @app.get("/bookings")
    async def list_bookings() -> list[Booking]:
        return await cal.bookings.list().collect(limit=3)

    @app.post("/bookings")
    async def create_booking(start: datetime, attendee: Annotated[Attendee, Body()]) -> Booking:
        return await cal.book(start=start, event_type_id=THIRTY, attendee=attendee)

    @app.post("/attendees")
    async def count_attendees(attendees: list[Attendee]) -> int:
        return len(attendees)

    @app.get("/slots")
    async def search(day: date) -> SlotDays:
        return await cal.slots.search(event_type_id=THIRTY, start=day, end=day)

    @app.post("/webhooks")
    async def create_webhook(webhook: Annotated[CreateWebhook, Body()]) -> Webhook:
        return Webhook(id="1", subscriber_url=webhook.subscriber_url, active=True, triggers=[], secret=webhook.secret)

    @app.post("/orders")
    async def create_order(order: ShopBooking) -> ShopBooking:
        return order

    return app


@pytest.fixture
def calcom_sandbox() -> Iterator[Sandbox]:
    """A sandbox at a fixed time, with bookings."""
    with Sandbox(now=MONDAY, bookings=5) as sandbox:
        yield sandbox


@pytest.fixture
async def service(calcom_client: Callable[..., Calcom]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application."""
    async with calcom_client() as cal:
        transport = httpx.ASGITransport(application(cal))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client


async def test_responses_of_an_application(service: httpx.AsyncClient):
    """A booking, a list of bookings and the slots of a day are sent by the names of the API."""
    bookings = (await service.get("/bookings")).json()
    assert len(bookings) == 3
    booking = (await service.get(f"/bookings/{bookings[0]['uid']}")).json()
    assert booking["eventTypeId"] == bookings[0]["eventTypeId"]
    assert msgspec.convert(booking, Booking).uid == bookings[0]["uid"]
    slots = (await service.get("/slots", params={"day": "2026-11-04"})).json()
    assert list(slots) == ["2026-11-04"]


async def test_request_bodies_of_an_application(service: httpx.AsyncClient, calcom_sandbox: Sandbox):
    """The body of a request is read as a model; a response sends the secret that it holds."""
    attendee = {"name": ADA.name, "email": ADA.email, "timeZone": ADA.time_zone}
    response = await service.post("/bookings", params={"start": at(9).isoformat()}, json=attendee)
    assert response.json()["attendees"][0]["email"] == ADA.email
    assert (await service.post("/attendees", json=[attendee, attendee])).json() == 2
    body = {"subscriberUrl": "https://example.com", "active": True, "triggers": ["BOOKING_CREATED"], "secret": SECRET}
    assert (await service.post("/webhooks", json=body)).json()["secret"] == SECRET


async def test_invalid_requests_of_an_application(service: httpx.AsyncClient):
    """An invalid body is a 422 that names its fields, and shows no input."""
    webhook = {"subscriberUrl": 5, "secret": SECRET}
    response = await service.post("/webhooks", json=webhook)
    assert response.status_code == 422
    places = [detail["loc"] for detail in response.json()["detail"]]
    assert places == [["body", "subscriberUrl"], ["body", "triggers"]]
    assert SECRET not in response.text
    response = await service.post("/attendees", json=[{"name": "Oz", "timeZone": "UTC"}])
    (detail,) = response.json()["detail"]
    assert (response.status_code, detail["loc"], detail["type"]) == (422, ["body", 0], "value_error")


async def test_the_openapi_document(service: httpx.AsyncClient):
    """The OpenAPI document has one valid definition per model, and all of its references resolve."""
    document = (await service.get("/openapi.json")).json()
    check_references(document)
    schemas = document["components"]["schemas"]
    assert {"Attendee", "BookingAttendee", "BookingHost", "CreateWebhook", "Slot", "Webhook"} <= set(schemas)
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    paths = document["paths"]

    def properties(content: dict[str, Any]) -> set[str]:
        reference = content["content"]["application/json"]["schema"]["$ref"]
        return set(schemas[reference.removeprefix("#/components/schemas/")]["properties"])

    assert properties(paths["/bookings"]["post"]["requestBody"]) == set(Attendee.__struct_encode_fields__)
    # Two classes of the same name have definitions of their own.
    assert properties(paths["/bookings"]["post"]["responses"]["200"]) == set(Booking.__struct_encode_fields__)
    assert properties(paths["/orders"]["post"]["requestBody"]) == {"item"}
    assert properties(paths["/orders"]["post"]["responses"]["200"]) == {"item"}
