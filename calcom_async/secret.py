"""Secret: a text that only `reveal()` returns."""

from __future__ import annotations

from hmac import compare_digest
from typing import Any, NoReturn

from calcom_async.errors import ConfigError

WHITE_SPACE = {" ": "a space", "\t": "a tab", "\n": "a line break", "\r": "a line break", "\ufeff": "a byte order mark"}


class Secret:
    """An API key, token, password or signing secret; its repr, its str and a traceback with local variables show `***`.

    Wrap a secret in the first line of every function that gets it as a plain text, and check it after that: the
    traceback of an error then holds no variable with the text. Copies work; pickling raises `ConfigError`.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str | Secret) -> None:
        self._text: str = text.reveal() if isinstance(text, Secret) else text

    def reveal(self) -> str:
        """Return the text. Do not bind it to a variable."""
        return self._text

    def checked(self, what: str, *, in_header: bool = False) -> Secret:
        """Return this secret, or raise `ConfigError` if it cannot be one; `what` names it in the message.

        A secret is a text that is not empty, can be encoded and has no white space around it. With `in_header` it is
        printable ASCII without spaces.
        """
        if not isinstance(self._text, str):
            raise ConfigError(f"{what} must be a text (str), not {type(self._text).__name__}")
        if not self._text.strip():
            raise ConfigError(f"{what} is empty")
        for place, end in (("begins", self._text[0]), ("ends", self._text[-1])):
            if end.isspace() or end in WHITE_SPACE:
                space = WHITE_SPACE.get(end, "white space")
                raise ConfigError(f"{what} {place} with {space}. Remove the white space around it")
        if in_header and not (self._text.isascii() and self._text.isprintable() and " " not in self._text):
            raise ConfigError(f"{what} must be one word of ASCII text, without spaces or control characters")
        if any("\ud800" <= one <= "\udfff" for one in self._text):
            raise ConfigError(f"{what} has a character that UTF-8 cannot encode. Read it from its source as UTF-8")
        return self

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self._text.encode("utf-8", "replace"), other._text.encode("utf-8", "replace"))

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: Any) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise ConfigError(
            "secrets are not pickled. Give each process its own, for example in the environment variable CAL_API_KEY"
        )
