"""Map webhook triggers to handlers."""

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


async def maybe_await(value: Awaitable[T] | T) -> T:
    """Return the result of a callback, which may be a function or a coroutine function."""
    return await value if isawaitable(value) else value


class WebhookRouter:
    """Handlers by trigger. They are coroutine functions or functions; a function blocks the event loop."""

    def __init__(self) -> None:
        self._by_trigger: dict[str, list[Handler]] = {}
        self._for_all: list[Handler] = []

    def on(self, *triggers: WebhookTrigger) -> Callable[[H], H]:
        """Decorate a handler of one or more triggers. Triggers that this version does not know are accepted."""
        if not triggers or not all(isinstance(trigger, str) for trigger in triggers):
            raise ConfigError(
                "on() must be given triggers",
                hint='Write @router.on("BOOKING_CREATED"), or @router.on_any for all events',
            )

        def register(handler: H) -> H:
            """Add the handler to each trigger, and return it unchanged."""
            for trigger in triggers:
                self._by_trigger.setdefault(trigger, []).append(handler)
            return handler

        return register

    def on_any(self, handler: H) -> H:
        """Decorate a handler of all events, including those of payload templates without a trigger."""
        self._for_all.append(handler)
        return handler

    async def dispatch(self, event: WebhookEvent[Any]) -> None:
        """Run the handlers of an event one after another, those of its trigger first.

        All of them run. Their exceptions are raised together, as an `ExceptionGroup`.
        """
        # One after another, so that two handlers of an event do not have to be safe against each other.
        errors: list[Exception] = []
        for handler in (*self._by_trigger.get(event.trigger, ()), *self._for_all):
            try:
                await maybe_await(handler(event))
            except Exception as error:  # noqa: BLE001 - raised below
                errors.append(error)
            except asyncio.CancelledError:
                # This may be the cancellation of something that the handler awaited, rather than of this task.
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise
                errors.append(RuntimeError(f"what {handler!r} awaited was cancelled"))
        if errors:
            raise ExceptionGroup(f"{len(errors)} handlers of {event!r} failed", errors)
