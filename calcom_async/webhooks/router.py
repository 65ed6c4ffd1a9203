"""WebhookRouter: which handlers hear of which triggers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeVar

from calcom_async.errors import ConfigError
from calcom_async.models.webhook_events import WebhookEvent
from calcom_async.models.webhooks import WebhookTrigger

T = TypeVar("T")
Handler = Callable[[WebhookEvent[Any]], object]
H = TypeVar("H", bound=Handler)


async def resolved(value: Awaitable[T] | T) -> T:
    """The value, awaited where it has to be: what lets a callback be a function or a coroutine function."""
    return await value if isawaitable(value) else value


class WebhookRouter:
    """Handlers by trigger. They may be coroutine functions or plain ones; a plain one holds up the event loop."""

    def __init__(self) -> None:
        self._of: dict[str, list[Handler]] = {}
        self._of_any: list[Handler] = []

    def on(self, *triggers: WebhookTrigger) -> Callable[[H], H]:
        """Decorate the handler of one trigger or several; also of ones that this version does not know."""
        if not triggers or not all(isinstance(trigger, str) for trigger in triggers):
            raise ConfigError(
                'on() needs the triggers, as in @router.on("BOOKING_CREATED"); for all use @router.on_any'
            )

        def register(handler: H) -> H:
            for trigger in triggers:
                self._of.setdefault(trigger, []).append(handler)
            return handler

        return register

    def on_any(self, handler: H) -> H:
        """Decorate a handler of every event, those of payload templates that name no trigger included."""
        self._of_any.append(handler)
        return handler

    async def dispatch(self, event: WebhookEvent[Any]) -> None:
        """Run the handlers of an event one after another, those of its trigger first.

        All of them run; what they raise comes out together, as an `ExceptionGroup`.
        """
        errors: list[Exception] = []
        for handler in (*self._of.get(event.trigger, ()), *self._of_any):
            try:
                await resolved(handler(event))
            except Exception as error:  # noqa: BLE001 - it is raised below
                errors.append(error)
            except asyncio.CancelledError:
                # What the handler waited for may have been cancelled, and not we.
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise
                errors.append(RuntimeError(f"what {handler!r} waited for was cancelled"))
        if errors:
            raise ExceptionGroup(f"{len(errors)} handlers of {event!r} failed", errors)
