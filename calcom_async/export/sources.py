"""What can be exported: an `ExportJob` names a list of the API, and opens it as a source.

    job = ExportJob("bookings", organization=7, filters={"event_type_id": 12})

Bookings are read by keyset (`bookings.py`). Every other list comes in one response or sorted by id, so reading it by
offset loses no rows.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec

from calcom_async.client import Calcom
from calcom_async.errors import InvalidRequestError
from calcom_async.export.bookings import BookingSource
from calcom_async.export.plan import Batch, ExportPlan, Position, Source, Watermarks
from calcom_async.keyset import ReadStats
from calcom_async.models.routing_forms import RoutingFormResponse
from calcom_async.pages import Pages

Lists = Callable[[], AsyncGenerator[Pages[Any], None]]


class ExportableList(NamedTuple):
    """A list that can be exported: its attribute of a scope, and the scopes that list it, by `ExportJob` fields."""

    attribute: str
    scopes: tuple[str, ...]


# A scope is the fields of `ExportJob` that are given, in this order. "" is the account itself.
EXPORTABLE: Mapping[str, ExportableList] = {
    "bookings": ExportableList("bookings", ("", "team", "organization", "organization team", "organization user")),
    "event-types": ExportableList("event_types", ("", "team", "organization team")),
    "schedules": ExportableList("schedules", ("", "team", "organization", "organization team", "organization user")),
    "webhooks": ExportableList("webhooks", ("", "organization")),
    "teams": ExportableList("teams", ("", "organization")),
    "users": ExportableList("users", ("organization",)),
    "memberships": ExportableList("memberships", ("team", "organization", "organization team")),
    "out-of-office": ExportableList("out_of_office", ("organization", "organization user")),
    "routing-forms": ExportableList("routing_forms", ("organization", "organization team")),
    "routing-form-responses": ExportableList("routing_forms", ("organization", "organization team")),
}
"""What can be exported."""


class ExportJob(msgspec.Struct, frozen=True):
    """A list to export: one of `EXPORTABLE` in a scope, with `filters` for its `list` method. It can be pickled.

    `team` alone is a team of the user, with `organization` a team of that organization. `user` is a member of the
    organization. `take` is the page size, by default the largest that the list allows.
    """

    resource: str = "bookings"
    organization: int | None = None
    team: int | None = None
    user: int | None = None
    filters: Mapping[str, Any] = {}
    take: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.resource, str):
            raise InvalidRequestError(f"cannot export {self.resource!r}: it must be one of {', '.join(EXPORTABLE)}")
        if not isinstance(self.filters, Mapping) or not all(isinstance(name, str) for name in self.filters):
            raise InvalidRequestError(f"filters must be a mapping of keywords to values, got {self.filters!r}")

    def __str__(self) -> str:
        narrowed = [f"{name}={_text(value)}" for name, value in sorted(self.filters.items()) if value is not None]
        return ", ".join([self.resource, *(f"{name} {value}" for name, value in self._scope().items()), *narrowed])

    def _scope(self) -> dict[str, int]:
        ids = {"organization": self.organization, "team": self.team, "user": self.user}
        return {name: value for name, value in ids.items() if value is not None}

    def source(self, cal: Calcom) -> Source:
        """Return the list as `cal` can read it. Sends no request; raises `InvalidRequestError` for a wrong job."""
        noun = self._noun(cal)
        try:
            if self.resource == "bookings":
                return BookingSource(noun.list, self.filters, is_team=self.team is not None, take=self.take)
            if self.resource == "routing-form-responses":
                return ListSource(lambda: _responses(noun, self._query()), RoutingFormResponse, "id")
            pages = noun.list(**self._query())
        except TypeError as error:  # a keyword that the list method does not have
            raise InvalidRequestError(f"{self.resource} cannot be listed with {dict(self.filters)}: {error}") from error
        return ListSource(lambda: _single(pages), pages.list_call.row_type, pages.list_call.key_field)

    def _noun(self, cal: Calcom) -> Any:
        """Return the resource with the `list` method, such as `cal.organization(7).bookings`."""
        if self.resource not in EXPORTABLE:
            raise InvalidRequestError(f"cannot export {self.resource!r}: it must be one of {', '.join(EXPORTABLE)}")
        exportable, ids = EXPORTABLE[self.resource], self._scope()
        if " ".join(ids) not in exportable.scopes:
            choices = "; ".join(map(_scope_in_words, exportable.scopes))
            raise InvalidRequestError(
                f"{self.resource} cannot be exported for {_scope_in_words(' '.join(ids))}. Choose one of: {choices}"
            )
        scope: Any = cal
        for name, value in ids.items():
            scope = getattr(scope, name)(value)
        return getattr(scope, exportable.attribute)

    def _query(self) -> dict[str, Any]:
        return {**self.filters, **({} if self.take is None else {"take": self.take})}


class ListSource(Source):
    """A list that loses no rows to paging; an interrupted export of it starts again."""

    def __init__(self, lists: Lists, model: Any, key: str) -> None:
        self.model: Any = model
        self.key: str = key
        self._lists = lists

    def check_incremental(self) -> None:
        """Raise `InvalidRequestError`."""
        raise InvalidRequestError("the API can list changes of bookings only; export this list in full")

    async def plan(self, *, since: Watermarks | None, lookback: timedelta, incremental: bool) -> ExportPlan:  # noqa: ARG002
        """Sends no request."""
        if incremental:
            self.check_incremental()
        return ExportPlan()

    async def split(self, plan: ExportPlan, maximum: int) -> list[ExportPlan]:  # noqa: ARG002
        """Return the plan: such a list is not cut."""
        return [plan]

    async def count(self) -> int | None:
        """Return None: a list that comes whole needs no total."""
        return None

    async def batches(
        self,
        plan: ExportPlan,  # noqa: ARG002
        position: Position | None,  # noqa: ARG002
        *,
        stats: ReadStats,
        minimum: int = 0,  # noqa: ARG002
    ) -> AsyncGenerator[Batch, None]:
        """Yield page after page."""
        async for pages in self._lists():
            async for page in pages.raw().pages():
                stats.requests += 1
                yield Batch(page.items, None)  # without a position, since an offset may point elsewhere later


async def account_id(cal: Calcom) -> str:
    """Return the id of the account that the client reads, to tell checkpoints apart; one request."""
    me = await cal.me.get()
    return f"user {me.id} at {cal.config.base_url}"


async def _single(pages: Pages[Any]) -> AsyncGenerator[Pages[Any], None]:
    yield pages


async def _responses(forms: Any, query: Mapping[str, Any]) -> AsyncGenerator[Pages[Any], None]:
    """Yield the list of responses of every form in a scope."""
    # The API has no list of the responses of all forms.
    async for form in forms.list():
        yield forms.responses(form.id).list(**query)


def _scope_in_words(scope: str) -> str:
    return " and ".join(scope.split()) or "the account itself"


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode().strip('"')
