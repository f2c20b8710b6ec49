"""What every request passes through, as plain ASGI: classes that wrap requests cost most of the throughput."""

import re
from collections.abc import Awaitable, Callable
from time import perf_counter
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.health import Metrics
from api.problems import LastResort, problem_response
from errors import ClaraError, Malformed, TooLarge
from settings import Settings

log = structlog.stdlib.get_logger(__name__)

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
UPLOADS = "/api/kb/import"
"""Bodies of paths that begin so may have `settings.upload_bytes`."""
LONGEST_LENGTH = 18
"""Digits of a Content-Length: an exabyte."""
CLIENT_GONE = 499
"""Status of a request that nobody waited for to be answered; nginx's number."""
UNMATCHED = "unmatched"
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
TWO_YEARS = 63_072_000


def shell(settings: Settings, metrics: Metrics) -> list[Middleware]:
    """The middleware of the application, outermost first."""
    return [
        Middleware(RequestId),
        Middleware(AccessLog, metrics=metrics),
        Middleware(SecurityHeaders, https=settings.public_url.startswith("https://")),
        Middleware(BodyLimit, body_bytes=settings.body_bytes, upload_bytes=settings.upload_bytes),
        Middleware(LastResort),
    ]


class RequestId:
    """Takes the caller's `X-Request-ID` when it is a sane one, else makes one; in every log line and in the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if SANE_REQUEST_ID.fullmatch(given) else uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            return await self.app(scope, receive, _with_headers(send, {"X-Request-ID": request_id}))


class AccessLog:
    """One log line and one count for each request, by the route's template: paths and queries hold ids and names."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        status = CLIENT_GONE
        started = perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            return await self.app(scope, receive, send_and_note)
        finally:
            self._note(scope, status, perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in KNOWN_METHODS else "OTHER"
        route = route_template(scope)
        self.metrics.requests.labels(method, route, status).inc()
        self.metrics.request_seconds.labels(method, route).observe(seconds)
        log.info("request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 1))


def route_template(scope: Scope) -> str:
    """`/api/tickets/{ticket_id}` once the request was routed; a router's prefix is its own, not its inclusion's."""
    return getattr(scope.get("route"), "path", UNMATCHED)


class SecurityHeaders:
    """What browsers may do with our answers; a page that sets one of these headers itself keeps its own."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app = app
        self.headers = {
            "Content-Security-Policy": content_security_policy(),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        if https:
            self.headers["Strict-Transport-Security"] = f"max-age={TWO_YEARS}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        # answers of the API are one caller's; no cache on the way may keep them
        private = {"Cache-Control": "no-store"} if scope["path"].startswith("/api/") else {}
        return await self.app(scope, receive, _with_headers(send, self.headers | private))


def content_security_policy(style_nonce: str | None = None) -> str:
    """Nothing from another host and no inline script; inline style only where it carries the nonce of this answer."""
    style = "'self'" if style_nonce is None else f"'self' 'nonce-{style_nonce}'"
    return (
        f"default-src 'self'; script-src 'self'; style-src {style}; img-src 'self' data:; connect-src 'self'; "
        "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )


class BodyLimit:
    """Refuses a body that is too large: at once when its length is announced, else when it has grown too large."""

    def __init__(self, app: ASGIApp, *, body_bytes: int, upload_bytes: int) -> None:
        self.app = app
        self.body_bytes = body_bytes
        self.upload_bytes = upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        limit = self.upload_bytes if scope["path"].startswith(UPLOADS) else self.body_bytes
        try:
            if announced_length(scope) > limit:
                raise TooLarge(_too_large(limit))
        except ClaraError as error:
            return await problem_response(error)(scope, receive, send)
        return await self.app(scope, _counted(receive, limit), send)


def announced_length(scope: Scope) -> int:
    """Bytes by the Content-Length header; 0 without one.

    Raises:
        Malformed: not a number, or several different ones.
    """
    values = {value for name, value in scope["headers"] if name == b"content-length"}
    if not values:
        return 0
    value = values.pop()
    if values or not value.isdigit() or len(value) > LONGEST_LENGTH:
        raise Malformed("The Content-Length header is not a length.")
    return int(value)


def _counted(receive: Receive, limit: int) -> Receive:
    received = 0

    async def receive_and_count() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise HTTPException(413, _too_large(limit))  # FastAPI makes 400 of any other error while it reads
        return message

    return receive_and_count


def _too_large(limit: int) -> str:
    return f"The body may have at most {limit} bytes."


def _with_headers(send: Send, headers: dict[str, str]) -> Callable[[Message], Awaitable[None]]:
    """`send`, with `headers` on the answer's head except those that it has already."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = MutableHeaders(scope=message)
            for name, value in headers.items():
                present.setdefault(name, value)
        await send(message)

    return send_with_headers
