"""Error responses of the API, in the shapes of the real server.

    HttpError                one response: status, body, headers
      bad_request() ...      envelope, details {message, error, statusCode}    400 401 403 404 409 422 500
      validation()           envelope, details {errors: [...]}                 400 of the global validation pipe
      string_details()       envelope, details is a text                       429, 498
      no_details(), zod()    envelope, no details                              TRPCError, zod, calendar apps
      database()             envelope, no details                              one of four texts of the database
      no_envelope()          no envelope: {statusCode, message}                errors outside of the API's own code

The messages are the server's own, because clients read them. The envelope is that of the exception filters in
`apps/api/v2/src/filters` of https://github.com/calcom/cal.com; the codes are the exception classes of NestJS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from calcom_async.sandbox.state.clock import iso

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

GENERAL_TRPC_MESSAGE = "Bad request: Please check your request data and try again"

_DATABASE = {
    400: ("BAD_REQUEST", "Invalid input: The referenced data does not exist."),
    404: ("NOT_FOUND", "Invalid Query: The requested record was not found."),
    409: ("CONFLICT", "Invalid Input: Trying to create a record that already exists."),
    500: ("INTERNAL_SERVER_ERROR", "There was an error, please try again later."),
}


class HttpError(Exception):
    """An error response. Without `details` the field is omitted; without `code` there is no envelope."""

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
        """Return the JSON body; `path` is the request's path with its query string."""
        # Errors that the framework does not know end in its base filter, which sends no envelope: those of the booking
        # core, and everything unplanned.
        if self.code is None:
            return {"statusCode": self.status, "message": self.message}
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details is not None:
            error["details"] = self.details
        return {"status": "error", "timestamp": iso(now), "path": path, "error": error}


def by_status(status: int, message: str) -> HttpError:
    """Return the usual error of a status. Prefer the functions below if the status is known."""
    code, reason = _NEST[status]
    return HttpError(status, code, message, details={"message": message, "error": reason, "statusCode": status})


def bad_request(message: str) -> HttpError:
    """Return a 400."""
    return by_status(400, message)


def unauthorized(message: str) -> HttpError:
    """Return a 401."""
    return by_status(401, message)


def forbidden(message: str) -> HttpError:
    """Return a 403."""
    return by_status(403, message)


def not_found(message: str) -> HttpError:
    """Return a 404."""
    return by_status(404, message)


def conflict(message: str) -> HttpError:
    """Return a 409."""
    return by_status(409, message)


def unprocessable(message: str) -> HttpError:
    """Return a 422."""
    return by_status(422, message)


def internal(message: str) -> HttpError:
    """Return a 500 that the server raises deliberately; `no_envelope(500, ...)` is an unplanned one."""
    return by_status(500, message)


def validation(errors: Sequence[Mapping[str, Any]]) -> HttpError:
    """Return the 400 of the global validation pipe, which has its messages only in `details.errors`."""
    return HttpError(400, "BadRequestException", "Bad Request Exception", details={"errors": list(errors)})


def string_details(status: int, code: str, message: str) -> HttpError:
    """Return an envelope whose `details` repeat the message."""
    return HttpError(status, code, message, details=message)


def no_details(status: int, code: str, message: str) -> HttpError:
    """Return an envelope without `details`: `TRPCError`, `BAD_REQUEST` (zod), or a calendar app's error class."""
    return HttpError(status, code, message)


def zod(*issues: tuple[str, str]) -> HttpError:
    """Return a zod error for (path, message) pairs. The real message ends in a comma and a space."""
    return no_details(400, "BAD_REQUEST", "".join(f"{path} - {text}, " for path, text in issues))


def database(status: Literal[400, 404, 409, 500] = 500) -> HttpError:
    """Return an error of the database, for instance the 500 for an id that is not a number."""
    return no_details(status, *_DATABASE[status])


def no_envelope(status: int, message: str) -> HttpError:
    """Return an error without envelope: `{"statusCode": 409, "message": "booking_conflict_error"}`."""
    return HttpError(status, None, message)
