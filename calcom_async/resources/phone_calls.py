"""Phone calls that an AI agent makes for an event type of a team."""

from __future__ import annotations

from calcom_async.models.phone_calls import CreatePhoneCall, PhoneCall
from calcom_async.resources._base import Resource


class PhoneCalls(Resource):
    """Phone calls for event types of a team; part of `TeamEventTypes`."""

    async def create_phone_call(self, event_type_id: int, call: CreatePhoneCall) -> PhoneCall:
        """Have an AI agent call a person to book this event type; for admins of the team.

        Not retried if the response is lost, since every request makes a phone call. For `cal.team(id)` some servers
        return 400, because they expect an organization in the path: use `cal.organization(id).team(id)` there.
        """
        return await self._post(PhoneCall, "/event-types/{}/create-phone-call", event_type_id, body=call)
