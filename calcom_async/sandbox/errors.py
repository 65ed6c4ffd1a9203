"""Refusals: exceptions that become the API's error answers, in the shapes of the real server.

    Refusal                     one answer: status, body, headers
      bad_request() ...         envelope with details {message, error, statusCode}    400 401 403 404 409 422 500
      validation()              envelope with details {errors: [...]}                 400 of the global pipe
      bare()                    envelope with details as a plain string               429, 498
      plain(), zod()            envelope without details                              TRPCError, zod, calendar apps
      database()                envelope without details, the four database texts
      raw()                     no envelope at all: {statusCode, message}

The texts are the server's own, because clients are tempted to read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from .clock import iso

#: Exception class and reason phrase of each status, as NestJS names them.
_NEST = {
    400: ("BadRequestException", "Bad Request"),
    401: ("UnauthorizedException", "Unauthorized"),
    403: ("ForbiddenException", "Forbidden"),
    404: ("NotFoundException", "Not Found"),
    409: ("ConflictException", "Conflict"),
    422: ("UnprocessableEntityException", "Unprocessable Entity"),
    500: ("InternalServerErrorException", "Internal Server Error"),
}

_DATABASE = {
    400: ("BAD_REQUEST", "Invalid input: The referenced data does not exist."),
    404: ("NOT_FOUND", "Invalid Query: The requested record was not found."),
    409: ("CONFLICT", "Invalid Input: Trying to create a record that already exists."),
    500: ("INTERNAL_SERVER_ERROR", "There was an error, please try again later."),
}


class Refusal(Exception):  # noqa: N818 - an answer that was asked for, not a failure of ours
    """An error answer. `details=None` leaves the field out; `code=None` means RAW, without the envelope."""

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        *,
        details: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code or 'RAW'}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers: dict[str, str] = dict(headers or {})

    def body(self, path: str, now: datetime) -> dict[str, Any]:
        """The JSON of the answer; `path` is the request's path with its query string."""
        if self.code is None:
            return {"statusCode": self.status, "message": self.message}
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details is not None:
            error["details"] = self.details
        return {"status": "error", "timestamp": iso(now), "path": path, "error": error}


def by_status(status: int, message: str) -> Refusal:
    """The usual refusal of a status; the named functions below read better where the status is known."""
    code, reason = _NEST[status]
    return Refusal(status, code, message, details={"message": message, "error": reason, "statusCode": status})


def bad_request(message: str) -> Refusal:
    return by_status(400, message)


def unauthorized(message: str) -> Refusal:
    return by_status(401, message)


def forbidden(message: str) -> Refusal:
    return by_status(403, message)


def not_found(message: str) -> Refusal:
    return by_status(404, message)


def conflict(message: str) -> Refusal:
    return by_status(409, message)


def unprocessable(message: str) -> Refusal:
    return by_status(422, message)


def internal(message: str) -> Refusal:
    """A 500 that the server threw on purpose; `raw(500, ...)` is the unplanned kind."""
    return by_status(500, message)


def validation(errors: Sequence[Mapping[str, Any]]) -> Refusal:
    """The global pipe's 400: the texts are only in the tree of `details.errors`."""
    return Refusal(400, "BadRequestException", "Bad Request Exception", details={"errors": list(errors)})


def bare(status: int, code: str, message: str) -> Refusal:
    """An envelope whose `details` repeat the message as a plain string."""
    return Refusal(status, code, message, details=message)


def plain(status: int, code: str, message: str) -> Refusal:
    """An envelope without `details`: code `TRPCError`, `BAD_REQUEST` (zod) or a calendar app's error class."""
    return Refusal(status, code, message)


def zod(*issues: tuple[str, str]) -> Refusal:
    """A zod failure from (path, text) pairs; its message really ends in a comma and a space."""
    return plain(400, "BAD_REQUEST", "".join(f"{path} - {text}, " for path, text in issues))


def database(status: Literal[400, 404, 409, 500] = 500) -> Refusal:
    """What comes out when the database complains, for instance about a non-numeric id (500)."""
    return plain(status, *_DATABASE[status])


def raw(status: int, message: str) -> Refusal:
    """An error without envelope: `{"statusCode": 409, "message": "booking_conflict_error"}`."""
    return Refusal(status, None, message)
