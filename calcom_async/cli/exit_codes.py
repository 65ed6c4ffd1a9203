"""Exit codes of the commands."""

from __future__ import annotations

from calcom_async.errors import (
    ApiError,
    CalcomError,
    DecodeError,
    ExportError,
    ExportLockedError,
    ForbiddenError,
    IncompleteListError,
    SignatureError,
    SlotTakenError,
    TransportError,
    UnauthorizedError,
    UnknownOutcomeError,
)

EXIT_CODES: dict[int, tuple[str, tuple[type[CalcomError], ...]]] = {
    4: ("invalid API key or missing permission", (UnauthorizedError, ForbiddenError)),
    3: ("request rejected by Cal.com, or server error", (ApiError,)),
    5: ("no connection or no response", (TransportError,)),
    6: ("unreadable response", (DecodeError,)),
    12: ("file in use by another export", (ExportLockedError,)),
    7: ("output not written", (ExportError,)),
    8: ("incomplete list", (IncompleteListError,)),
    9: ("time not available, nothing booked", (SlotTakenError,)),
    10: ("outcome unknown, check before you retry", (UnknownOutcomeError,)),
    11: ("invalid signature", (SignatureError,)),
    2: ("invalid arguments or settings", (CalcomError,)),
}
"""What each code means, and its errors. The order matters: the first match wins, and subclasses come first."""

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT."""
OUTPUT_CLOSED = 141
"""Exit code when the reader of the output has closed the pipe: 128 + SIGPIPE, as shells report it."""

EXIT_CODES_HELP = "Exit codes: " + "; ".join(
    [
        "0 success",
        *(f"{code} {meaning}" for code, (meaning, _) in sorted(EXIT_CODES.items())),
        f"{INTERRUPTED} interrupted",
        f"{OUTPUT_CLOSED} output closed",
        "143 terminated",
    ]
)


def exit_code(error: BaseException | None) -> int:
    """Return the exit code of an error; 1 for one that is not a CalcomError, which is a bug."""
    return next((code for code, (_, types) in EXIT_CODES.items() if isinstance(error, types)), 1)
