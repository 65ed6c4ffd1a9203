"""Phone calls that an AI agent makes on behalf of a team."""

from typing import ClassVar, Literal

from calcom_async.models._base import Model, SecretModel

PhoneCallTemplate = Literal["CHECK_IN_APPOINTMENT", "CUSTOM_TEMPLATE"] | str


class CreatePhoneCall(SecretModel, frozen=True, kw_only=True):
    """A call to make. Numbers look like `+351912345678`, without separators.

    The agent books with `cal_api_key`; reprs mask it.
    """

    secret_fields: ClassVar[frozenset[str]] = frozenset({"cal_api_key"})

    your_phone_number: str
    number_to_call: str
    cal_api_key: str
    enabled: bool = True
    template_type: PhoneCallTemplate = "CUSTOM_TEMPLATE"
    scheduler_name: str | None = None
    guest_name: str | None = None
    guest_email: str | None = None
    guest_company: str | None = None
    begin_message: str | None = None
    general_prompt: str | None = None
    """Instructions for the agent; for CUSTOM_TEMPLATE."""


class PhoneCall(Model, frozen=True, kw_only=True, gc=False):
    """A call in progress."""

    call_id: str
    agent_id: str | None = None
