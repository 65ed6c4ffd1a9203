"""Wrappers that keep secrets out of tracebacks: `Secret` for text, `Hidden` for any other value."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import Any, Generic, NoReturn, Self, TypeVar

from calcom_async.errors import ConfigError, InvalidRequestError

WHITE_SPACE = {" ": "a space", "\t": "a tab", "\n": "a line break", "\r": "a line break", "\ufeff": "a byte order mark"}


T = TypeVar("T")
E = TypeVar("E", bound=BaseException)


class Hidden(Generic[T]):
    """A value that may contain a secret, such as a request body; only `reveal()` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """Return the value. Do not bind it to a variable."""
        return self._value

    def __repr__(self) -> str:
        return f"{type(self).__name__}('***')"

    def __str__(self) -> str:
        return "***"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise ConfigError(
            "secrets are not pickled. Give each process its own, for example in the environment variable CAL_API_KEY"
        )


class Secret(Hidden[str]):
    """An API key, token, password or signing secret; its repr, its str and a traceback with local variables show `***`.

    Wrap a secret in the first line of every function that gets it as a plain text, and check it after that: the
    traceback of an error then holds no variable with the text. Copies work; pickling raises `ConfigError`.
    """

    __slots__ = ()

    def __init__(self, text: str | Secret) -> None:
        super().__init__(text.reveal() if isinstance(text, Secret) else text)

    def holds_text(self) -> bool:
        """Whether it holds a text at all."""
        return isinstance(self._value, str)

    def checked(
        self, what: str, *, in_header: bool = False, error: type[ConfigError | InvalidRequestError] = ConfigError
    ) -> Secret:
        """Return this secret, or raise `error` if it cannot be one; `what` names it in the message.

        A secret is a text that is not empty, can be encoded and has no white space around it. With `in_header` it is
        printable ASCII without spaces.
        """
        if not isinstance(self._value, str):
            raise error(f"{what} must be a text (str), not {type(self._value).__name__}")
        if not self._value.strip():
            raise error(f"{what} is empty")
        for place, end in (("begins", self._value[0]), ("ends", self._value[-1])):
            if end.isspace() or end in WHITE_SPACE:
                space = WHITE_SPACE.get(end, "white space")
                raise error(f"{what} {place} with {space}. Remove the white space around it")
        if in_header and not (self._value.isascii() and self._value.isprintable() and " " not in self._value):
            raise error(f"{what} must be one word of ASCII text, without spaces or control characters")
        if any("\ud800" <= letter <= "\udfff" for letter in self._value):
            raise error(f"{what} has a character that UTF-8 cannot encode. Read it from its source as UTF-8")
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # In constant time, so that the duration reveals nothing about a secret that is compared with a received one.
        return compare_digest(self._value.encode("utf-8", "replace"), other._value.encode("utf-8", "replace"))

    def __hash__(self) -> int:
        return hash((Secret, self._value))


def fingerprint(secret: Secret) -> str:
    """Return a short hash, which identifies a secret and does not reveal it."""
    return sha256(secret.reveal().encode()).hexdigest()[:16]


def without_frames(error: E) -> E:
    """Return the error with no traceback, neither its own nor one of its causes.

    The frames of other libraries hold headers and passwords in their local variables.
    """
    # By identity, because exceptions may define __eq__. The objects are kept, so that no id is used again.
    visited: dict[int, BaseException] = {}
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is not None and id(current) not in visited:
            visited[id(current)] = current
            current.__traceback__ = None
            pending += [current.__cause__, current.__context__, *getattr(current, "exceptions", ())]
    return error
