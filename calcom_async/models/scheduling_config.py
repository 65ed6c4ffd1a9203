"""How an event type of a team selects the host of a booking."""

from msgspec import field

from calcom_async.models._base import IntOrFloat, Model
from calcom_async.models.event_type_settings import HostPriority
from calcom_async.models.event_types import ALLOW_HOST_CHOICE, SchedulingType


class SchedulingHost(Model, frozen=True, kw_only=True, gc=False):
    """A host of an event type."""

    user_id: int
    name: str | None = None
    username: str | None = None
    avatar_url: str | None = None
    mandatory: bool | None = None
    priority: HostPriority | None = None
    """Only for round robin, like `weight` and `group_id`."""
    weight: IntOrFloat | None = None
    group_id: str | None = None


class SchedulingHostGroup(Model, frozen=True, kw_only=True, gc=False):
    """A group of hosts, one of whom takes each booking."""

    id: str
    name: str | None = None


class SchedulingConfig(Model, frozen=True, kw_only=True):
    """How an event type of a team selects the host of a booking; most settings are for round robin only."""

    event_type_id: int
    scheduling_type: SchedulingType | None = None
    hosts: list[SchedulingHost]
    assign_all_team_members: bool | None = None
    host_groups: list[SchedulingHostGroup] | None = None
    """This and the following fields are for round robin."""
    reschedule_with_same_round_robin_host: bool | None = None
    allow_rr_host_choice_on_reschedule: bool | None = field(name=ALLOW_HOST_CHOICE, default=None)
    is_rr_weights_enabled: bool | None = field(name="isRRWeightsEnabled", default=None)
    max_lead_threshold: IntOrFloat | None = None
    """None to offer as many times as possible, a number to balance the bookings of the hosts."""
    include_no_show_in_rr_calculation: bool | None = field(name="includeNoShowInRRCalculation", default=None)
    crm_record_owner_fallback_window_hours: IntOrFloat | None = None
    crm_record_owner_fallback_window_skip_weekends: bool | None = None
