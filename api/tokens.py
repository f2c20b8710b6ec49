"""Signed tokens: one kind opens Clara to a member of staff, the other one conversation to its customer."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import jwt

from errors import NotSignedIn
from memory.secret_key import derived_key
from memory.tables.base import utc_now
from settings import Settings

ALGORITHM = "HS256"
STAFF, CONVERSATION = "clara-staff", "clara-conversation"
"""Audiences: a token of one kind is worth nothing where the other is asked for."""
REQUIRED = ["exp", "iat", "aud", "sub", "typ"]


@dataclass(frozen=True, slots=True)
class StaffClaims:
    user_id: UUID
    token_version: int


class Tokens:
    """Makes and reads tokens with a key of this installation."""

    def __init__(self, settings: Settings) -> None:
        self._key = derived_key(settings, "tokens")
        self.staff_seconds = settings.access_token_lifetime
        self._conversation_seconds = settings.customer_token_lifetime

    def for_user(self, user_id: UUID, token_version: int) -> str:
        return self._sign(str(user_id), STAFF, "access", self.staff_seconds, {"ver": token_version})

    def for_conversation(self, conversation_id: UUID) -> str:
        return self._sign(str(conversation_id), CONVERSATION, "conversation", self._conversation_seconds, {})

    def read_staff(self, token: str) -> StaffClaims:
        """Raises NotSignedIn unless it is a staff token of ours that has not expired."""
        claims = self._read(token, STAFF, "access")
        return StaffClaims(_uuid(claims["sub"]), int(claims.get("ver", 0)))

    def read_conversation(self, token: str) -> UUID:
        """The conversation that the token opens. Raises NotSignedIn as `read_staff` does."""
        return _uuid(self._read(token, CONVERSATION, "conversation")["sub"])

    def _sign(self, subject: str, audience: str, kind: str, seconds: int, more: dict[str, object]) -> str:
        now = utc_now()
        claims = {"sub": subject, "aud": audience, "typ": kind, "iat": now, "exp": now + timedelta(seconds=seconds)}
        return jwt.encode(claims | more, self._key, ALGORITHM)

    def _read(self, token: str, audience: str, kind: str) -> dict[str, str]:
        try:
            claims: dict[str, str] = jwt.decode(
                token, self._key, algorithms=[ALGORITHM], audience=audience, options={"require": REQUIRED}
            )
        except jwt.InvalidTokenError:
            raise NotSignedIn("This token is not valid, or no longer.") from None
        if claims["typ"] != kind:
            raise NotSignedIn("This token is of another kind.")
        return claims


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotSignedIn("This token is not valid.") from None
