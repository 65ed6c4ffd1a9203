"""Workflows of a user, and those of a team of an organization for event types and for routing forms."""

from __future__ import annotations

from types import NoneType
from typing import ClassVar, Unpack

from calcom_async.models.workflows import CreateWorkflow, UpdateWorkflow, Workflow
from calcom_async.pages import Pages
from calcom_async.pagination import PaginationSpec
from calcom_async.resources._base import Paging, Resource

PAGINATION = PaginationSpec(maximum=250)


class _Workflows(Resource):
    """Base of both kinds."""

    # The two kinds have the same operations, and ids of one kind are unknown to the other.
    kind: ClassVar[str] = ""
    """Last segment of the paths."""

    def list(self, **paging: Unpack[Paging]) -> Pages[Workflow]:
        """List all workflows of this kind, 250 per page."""
        return self._pages(Workflow, "/workflows" + self.kind, pagination=PAGINATION, **paging)

    async def get(self, workflow_id: int) -> Workflow:
        """Fetch one workflow. Raises `NotFoundError` if it is unknown or of the other kind."""
        return await self._get(Workflow, "/workflows/{}" + self.kind, workflow_id)

    async def create(self, workflow: CreateWorkflow) -> Workflow:
        """Create a workflow with at least one step.

        An email address or phone number that is not verified for the team raises `BadRequestError`, an event type of
        another owner `UnauthorizedError`.
        """
        # Names are not unique: a retry after a lost response could create a second workflow.
        return await self._post(Workflow, "/workflows" + self.kind, body=workflow)

    async def update(self, workflow_id: int, changes: UpdateWorkflow) -> Workflow:
        """Update the given fields of a workflow. `steps` is replaced as a whole: steps to keep need their `id`.

        Builds of 2025 reject steps without an `id` (400): there, steps can be changed and removed, but not added.
        """
        return await self._patch(Workflow, "/workflows/{}" + self.kind, workflow_id, body=changes)

    async def delete(self, workflow_id: int) -> None:
        """Delete a workflow. Raises `NotFoundError`."""
        await self._delete(NoneType, "/workflows/{}" + self.kind, workflow_id)


class RoutingFormWorkflows(_Workflows):
    """Workflows of routing forms; they have other triggers."""

    kind = "/routing-form"


class UserWorkflows(_Workflows):
    """Workflows of the user's own event types; only the hosted API has them (September 2026).

    The specification names no scope for them, so OAuth tokens of third parties cannot use them. Verified email
    addresses and phone numbers are those of the user.
    """


class Workflows(_Workflows):
    """Workflows of event types, for admins of the team; `.routing_forms` are those of routing forms."""

    @property
    def routing_forms(self) -> RoutingFormWorkflows:
        """Workflows of routing forms."""
        return self._child(RoutingFormWorkflows)
