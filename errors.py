"""Every error a caller may see: a stable code, an HTTP status and a message that is safe to show."""

from typing import Any, ClassVar


class ClaraError(Exception):
    """Base of the errors that cross a door; anything else is a bug and is answered without its text."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, details: Any = None, retry_after: int | None = None) -> None:
        """`details` must be JSON; `retry_after` is in whole seconds and becomes the `Retry-After` header."""
        super().__init__(message)
        self.message = message
        self.details = details
        self.retry_after = retry_after


class Malformed(ClaraError):
    code, status = "malformed", 400


class NotSignedIn(ClaraError):
    code, status = "not_signed_in", 401


class Forbidden(ClaraError):
    code, status = "forbidden", 403


class NotFound(ClaraError):
    """Missing, or not yours: the two are not told apart."""

    code, status = "not_found", 404


class Conflict(ClaraError):
    code, status = "conflict", 409


class Stale(ClaraError):
    """The row changed since the caller read it."""

    code, status = "stale", 412


class TooLarge(ClaraError):
    code, status = "too_large", 413


class UnsupportedMedia(ClaraError):
    code, status = "unsupported_media_type", 415


class InvalidField(ClaraError):
    code, status = "invalid_field", 422


class TooManyRequests(ClaraError):
    code, status = "too_many_requests", 429


class Unavailable(ClaraError):
    """Something Clara needs is not there now; trying again later may work."""

    code, status = "unavailable", 503
