"""Workflows of a team of an organisation: those of its event types and those of its routing forms, one mechanism."""

from __future__ import annotations

from types import NoneType
from typing import ClassVar, Unpack

from calcom_async.models.workflows import CreateWorkflow, UpdateWorkflow, Workflow
from calcom_async.pages import Pages
from calcom_async.resources._base import Paging, Resource
from calcom_async.wire import Listing

LISTING = Listing(maximum=250)


class _Workflows(Resource):
    """The operations of both kinds."""

    kind: ClassVar[str] = ""
    """What the paths of the kind end in."""

    def list(self, **paging: Unpack[Paging]) -> Pages[Workflow]:
        """All workflows of the kind, 250 a page."""
        return self._pages(Workflow, "/workflows" + self.kind, listing=LISTING, **paging)

    async def get(self, workflow_id: int) -> Workflow:
        """Fetch one workflow. Raises `NotFoundError` when unknown, or of the other kind."""
        return await self._get(Workflow, "/workflows/{}" + self.kind, workflow_id)

    async def create(self, workflow: CreateWorkflow) -> Workflow:
        """Make a workflow with at least one step.

        A verified e-mail address or phone number that is not the team's is a `BadRequestError`, an event type of
        somebody else an `UnauthorizedError`.
        """
        return await self._post(Workflow, "/workflows" + self.kind, body=workflow)

    async def update(self, workflow_id: int, changes: UpdateWorkflow) -> Workflow:
        """Change a workflow; what is not given stays. `steps` replaces the list: give those to keep their `id`.

        A server of 2025 rejects a step without an `id` (400), so steps can be changed and removed there, but not added.
        """
        return await self._patch(Workflow, "/workflows/{}" + self.kind, workflow_id, body=changes)

    async def delete(self, workflow_id: int) -> None:
        """Delete a workflow. Raises `NotFoundError` when unknown."""
        await self._delete(NoneType, "/workflows/{}" + self.kind, workflow_id)


class RoutingFormWorkflows(_Workflows):
    """Workflows of routing forms: the same operations, other triggers."""

    kind = "/routing-form"


class Workflows(_Workflows):
    """Workflows of event types; `.routing_forms` are those of routing forms. For admins of the team."""

    @property
    def routing_forms(self) -> RoutingFormWorkflows:
        """Workflows of routing forms."""
        return self._below(RoutingFormWorkflows)
