"""Every error leaves as `{"code", "message", "details"?}`; what nobody foresaw leaves as a 500 that says nothing."""

import json
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import (
    ClaraError,
    Conflict,
    Forbidden,
    InvalidField,
    Malformed,
    NotFound,
    NotSignedIn,
    Stale,
    TooLarge,
    TooManyRequests,
    Unavailable,
    UnsupportedMedia,
)

log = structlog.stdlib.get_logger(__name__)

DATABASE_RETRY_AFTER = 5
"""Seconds; a lock is gone by then, a restarted database usually too."""
DETAILS_KEPT = 50
"""A body of a megabyte can be wrong in half a million places; nobody reads further than this."""
FORM_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")

CODES: dict[int, str] = {
    kind.status: kind.code
    for kind in (
        Malformed,
        NotSignedIn,
        Forbidden,
        NotFound,
        Conflict,
        Stale,
        TooLarge,
        UnsupportedMedia,
        InvalidField,
        TooManyRequests,
        Unavailable,
    )
}
"""The code of an error that the framework raised, by its status."""


class Problem(BaseModel):
    """The body of every error."""

    code: str
    message: str
    details: Any = None


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "The request was refused."},
    "5XX": {"model": Problem, "description": "Clara could not answer."},
}
"""Documents the error body on every operation."""


def problem_response(error: ClaraError) -> Response:
    """The answer that says `error`."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    return _respond(error.status, error.code, error.message, error.details, headers)


def _respond(
    status: int, code: str, message: str, details: Any = None, headers: dict[str, str] | None = None
) -> Response:
    body = {"code": code, "message": message} | ({} if details is None else {"details": details})
    # ASCII JSON, unlike JSONResponse's: a lone surrogate that came with the request cannot break the answer
    return Response(json.dumps(body), status, headers, "application/json")


async def say_error(_request: Request, error: ClaraError) -> Response:
    return problem_response(error)


async def say_http_error(_request: Request, error: HTTPException) -> Response:
    """What routing raises by itself: no such path, wrong method, a form that cannot be read."""
    code = CODES.get(error.status_code) or HTTPStatus(error.status_code).name.lower()
    return _respond(error.status_code, code, error.detail, headers=dict(error.headers or {}))


async def say_invalid(request: Request, error: RequestValidationError) -> Response:
    """Names the fields and what is wrong with them; never repeats their values, which may be secrets."""
    found: Sequence[dict[str, Any]] = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return problem_response(Malformed("The body is not valid JSON."))
    if _is_wrong_media(request, error.body):
        return problem_response(UnsupportedMedia("This Content-Type is not one that the operation takes."))
    details = [
        {"field": _field(item["loc"]), "message": item["msg"].removeprefix("Value error, ")}
        for item in found[:DETAILS_KEPT]
    ]
    return problem_response(InvalidField("Some fields are not valid.", details=details))


def _field(location: Sequence[str | int]) -> str:
    """`("body", "attendees", 0)` → `attendees.0`; the body as a whole is `body`."""
    return ".".join(map(str, location[1:] or location))


def _is_wrong_media(request: Request, body: object) -> bool:
    """FastAPI hands over unparsed bytes when a JSON body was due, and an empty form when a form was."""
    if isinstance(body, FormData):
        return not request.headers.get("content-type", "").startswith(FORM_TYPES)
    return isinstance(body, bytes)


async def say_stale(_request: Request, _error: StaleDataError) -> Response:
    return problem_response(Stale("It was changed by someone else meanwhile; read it again."))


async def say_conflict(_request: Request, error: IntegrityError) -> Response:
    # the first line names the constraint; PostgreSQL's second one holds the row's values
    log.warning("constraint_refused", reason=str(error.orig).partition("\n")[0])
    return problem_response(Conflict("This clashes with what is already there."))


async def say_unavailable(_request: Request, error: Exception) -> Response:
    """The database is away, locked for too long, or all connections are in use."""
    reason = getattr(error, "orig", None) or error
    log.error("database_unavailable", reason=str(reason).partition("\n")[0])
    return problem_response(Unavailable("Please try again in a moment.", retry_after=DATABASE_RETRY_AFTER))


async def say_unkeepable(_request: Request, error: Exception) -> Response:
    """A value that passed validation but that the database or the calendar cannot hold."""
    # with the traceback: it should have been refused where it came in
    log.warning("value_refused_late", exc_info=error)
    return problem_response(InvalidField("A value is out of range or has characters that cannot be stored."))


async def say_bad_statement(request: Request, error: StatementError) -> Response:
    """A value that SQLAlchemy could not even hand to the driver; any other failed statement is a bug."""
    if isinstance(error.orig, ValueError | OverflowError):
        return await say_unkeepable(request, error)
    raise error


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    ClaraError: say_error,
    HTTPException: say_http_error,
    RequestValidationError: say_invalid,
    StaleDataError: say_stale,
    IntegrityError: say_conflict,
    OperationalError: say_unavailable,
    PoolTimeout: say_unavailable,
    # the checkpointer talks to its driver without SQLAlchemy
    sqlite3.OperationalError: say_unavailable,
    psycopg.OperationalError: say_unavailable,
    DataError: say_unkeepable,
    StatementError: say_bad_statement,
    OverflowError: say_unkeepable,
    UnicodeEncodeError: say_unkeepable,
}
"""For `FastAPI(exception_handlers=…)`."""


class LastResort:
    """Answers 500 to whatever no handler knows, and logs it with its traceback.

    A handler for `Exception` would run outside all other middleware: its answer had no request id and no security
    headers, and the server would log the same traceback a second time.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception as error:
            log.exception("unhandled_error", kind=type(error).__name__)
            if started or scope["type"] != "http":
                raise  # half an answer is out: only a broken connection tells the client
            await _respond(500, "internal", "Something went wrong on our side.")(scope, receive, send)
