"""Ask the user before something that cannot be undone, or that costs money.

Where the client can ask (elicitation), the user answers, and the model has no say. Where it cannot, the model must pass
`confirm=true`. Up to version 2025-11-25 of the protocol the server sends its question during the call. Since 2026-07-28
the call ends with the question, and the client repeats it with the answer.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import mcp_types as types
from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from msgspec import Meta

from calcom_async.errors import CalcomError, InvalidRequestError

Confirm = Annotated[bool, Meta(description="The user agreed; only where the client cannot ask", examples=[True])]

NO_FIELDS: dict[str, Any] = {"type": "object", "properties": {}}
"""The form of a question that is only accepted or declined."""
NAME = "confirm"


class AnswerNeeded(Exception):  # noqa: N818 - not an error: the call continues when the client repeats it
    """The call ends with a question, and the client repeats it with the answer."""

    def __init__(self, question: str) -> None:
        super().__init__(question)
        self.result: types.InputRequiredResult = types.InputRequiredResult(
            input_requests={
                NAME: types.ElicitRequest(
                    params=types.ElicitRequestFormParams(message=question, requested_schema=NO_FIELDS)
                )
            },
            request_state=_digest(question),
        )


class DeclinedError(CalcomError):
    """The user did not agree; nothing was changed."""


class Confirmation:
    """Asks the user of the client, during one call."""

    def __init__(self, context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams) -> None:
        self._context = context
        self._params = params

    async def ask(self, question: str, *, confirmed: bool, title: str = "") -> None:
        """Return if the user agrees; `confirmed` counts only where the client cannot ask.

        `title` is text of other people. The user sees it, the model does not. Raises `DeclinedError`, or `AnswerNeeded`
        for the client to answer.
        """
        if not self._can_ask():
            if not confirmed:
                raise InvalidRequestError(f"{question} Ask the user. If they agree, repeat the call with confirm=true")
            return
        answer = await self._answer(f"{question} Its title: {title}" if title else question)
        if answer.action != "accept":
            raise DeclinedError("The user did not agree, so nothing was changed. Do not repeat the call")

    def _can_ask(self) -> bool:
        capabilities = self._context.session.client_capabilities
        elicitation = capabilities.elicitation if capabilities else None
        # An empty declaration is the older way to declare forms.
        return elicitation is not None and (elicitation.form is not None or elicitation.url is None)

    async def _answer(self, question: str) -> types.ElicitResult:
        if self._context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            answer = (self._params.input_responses or {}).get(NAME)
            # The state is sealed, so it shows what the user was really asked: the booking may have changed since.
            if not isinstance(answer, types.ElicitResult) or self._params.request_state != _digest(question):
                raise AnswerNeeded(question)
            return answer
        try:
            return await self._context.session.elicit_form(question, NO_FIELDS, self._context.request_id)
        except (MCPError, ValueError) as error:  # an error of the client, or an answer that is none
            raise DeclinedError(f"The client could not ask the user, so nothing was changed: {error}") from None


def _digest(question: str) -> str:
    return hashlib.sha256(question.encode("utf-8", "replace")).hexdigest()
