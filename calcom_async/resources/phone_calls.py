"""Phone calls that an AI agent makes for an event type of a team."""

from __future__ import annotations

from calcom_async.models.phone_calls import CreatePhoneCall, PhoneCall
from calcom_async.resources._base import Resource


class PhoneCalls(Resource):
    """What event types of teams can do beside being booked; part of `TeamEventTypes`."""

    async def create_phone_call(self, event_type_id: int, call: CreatePhoneCall) -> PhoneCall:
        """Let an agent call somebody to book this event type; for admins of the team.

        Not repeated when the answer is lost: each one rings a phone. Below `cal.team(id)` some servers refuse it with
        400, because they look for an organisation in the path: go by `cal.organization(id).team(id)` there.
        """
        return await self._post(PhoneCall, "/event-types/{}/create-phone-call", event_type_id, body=call)
