"""Events of a sandbox: handlers emit them, and the webhook delivery subscribes to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: Receives the trigger, the payload and the scope of an event.
Listener = Callable[[str, Mapping[str, Any], Mapping[str, Any]], None]


class EventBus:
    """The listeners of one sandbox."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """Call `listener(trigger, payload, scope)` for every event."""
        self._listeners.append(listener)

    def emit(self, trigger: str, payload: Mapping[str, Any], scope: Mapping[str, Any]) -> None:
        """Call every listener. `scope` names the owners: user_id, event_type_id, team_id."""
        for listener in self._listeners:
            listener(trigger, payload, scope)
