"""Phone calls that an AI agent makes in the name of a team."""

from typing import ClassVar, Literal

from msgspec import UNSET, UnsetType

from calcom_async.models._base import Model, SecretModel

PhoneCallTemplate = Literal["CHECK_IN_APPOINTMENT", "CUSTOM_TEMPLATE"] | str


class CreatePhoneCall(SecretModel, frozen=True, kw_only=True):
    """A call to make. Numbers look like `+351912345678`, without separators.

    `cal_api_key` is what the agent books with; it is masked in reprs.
    """

    secrets: ClassVar[frozenset[str]] = frozenset({"cal_api_key"})

    your_phone_number: str
    number_to_call: str
    cal_api_key: str
    enabled: bool = True
    template_type: PhoneCallTemplate = "CUSTOM_TEMPLATE"
    scheduler_name: str | UnsetType = UNSET
    guest_name: str | UnsetType = UNSET
    guest_email: str | UnsetType = UNSET
    guest_company: str | UnsetType = UNSET
    begin_message: str | UnsetType = UNSET
    general_prompt: str | UnsetType = UNSET
    """What the agent is told to do; for CUSTOM_TEMPLATE."""


class PhoneCall(Model, frozen=True, kw_only=True, gc=False):
    """A call under way."""

    call_id: str
    agent_id: str | None = None
