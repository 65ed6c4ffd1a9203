"""History of the attributes of an organization's members, and of their synchronization with other systems."""

from datetime import datetime
from typing import Any, Literal

from calcom_async.models._base import IntOrFloat, Model
from calcom_async.models.attributes import AttributeType
from calcom_async.models.event_type_history import AuditActor


# The lists of sources, types and outcomes are examples in the specification of September 2026, so none is closed.
class AuditedAttribute(Model, frozen=True, kw_only=True, gc=False):
    """The attribute of a change."""

    id: str
    slug: str | None = None
    name: str | None = None
    type: AttributeType | None = None


class AuditedOption(Model, frozen=True, kw_only=True, gc=False):
    """An option that a member had or got."""

    option_id: str
    option_slug: str | None = None
    value: str | None = None
    weight: IntOrFloat | None = None


class AttributeChange(Model, frozen=True, kw_only=True):
    """One change of an attribute of a member."""

    type: Literal["ASSIGNED", "UNASSIGNED", "VALUE_CHANGED", "WEIGHT_CHANGED"] | str
    attribute: AuditedAttribute
    previous: AuditedOption | None = None
    """None if the option was assigned."""
    current: AuditedOption | None = None
    """None if the option was removed."""


class AttributeAuditLog(Model, frozen=True, kw_only=True):
    """Changes of the attributes of a member at one time."""

    id: str
    timestamp: datetime
    source: Literal["WEBAPP", "API_V2", "WEBHOOK", "SYSTEM"] | str | None = None
    actor: AuditActor | None = None
    source_context: dict[str, Any] | None = None
    changes: list[AttributeChange]
    has_error: bool | None = None
    """Whether the server could read only a part of the entry."""


class SyncRuleEvaluation(Model, frozen=True, kw_only=True):
    """A rule that a synchronization evaluated."""

    id: str
    run_id: str | None = None
    rule_id: str | None = None
    evaluation_order: int | None = None
    attribute_key: str | None = None
    operator: str | None = None
    """For example "EQUALS"."""
    expected_value: str | None = None
    expected_value_type: str | None = None
    actual_value: str | None = None
    actual_value_type: str | None = None
    passed: bool | None = None
    created_at: datetime | None = None


class SyncFieldMapping(Model, frozen=True, kw_only=True):
    """A field that a synchronization wrote to an attribute."""

    id: str
    run_id: str | None = None
    field_mapping_id: str | None = None
    attribute_id: str | None = None
    attribute_slug: str | None = None
    attribute_name: str | None = None
    source_field: str | None = None
    previous_value: str | None = None
    new_value: str | None = None
    outcome: Literal["CREATED", "UPDATED", "UNCHANGED"] | str | None = None
    created_at: datetime | None = None


class SyncTeamChange(Model, frozen=True, kw_only=True):
    """A membership of a team that a synchronization changed."""

    id: str
    run_id: str | None = None
    team_id: int | None = None
    team_name: str | None = None
    team_slug: str | None = None
    outcome: Literal["ADDED", "REMOVED", "NO_CHANGE"] | str | None = None
    created_at: datetime | None = None


# The values are texts whatever the type of the attribute.
class AttributeSyncRun(Model, frozen=True, kw_only=True):
    """One synchronization of the attributes of a user with another system."""

    id: str
    provider: str | None = None
    """For example "SALESFORCE"."""
    credential_id: int | None = None
    organization_id: int | None = None
    user_id: int | None = None
    user_name: str | None = None
    external_user_id: str | None = None
    status: (
        Literal["APPLIED", "SKIPPED_BY_RULE", "NO_RULES_MATCHED", "FAILED", "INVALID_SIGNATURE", "RATE_LIMITED"]
        | str
        | None
    ) = None
    signature_verified: bool | None = None
    error_message: str | None = None
    created_at: datetime | None = None
    rule_evaluations: list[SyncRuleEvaluation] | None = None
    applied_field_mappings: list[SyncFieldMapping] | None = None
    team_membership_changes: list[SyncTeamChange] | None = None
