"""Signing in: sessions with a refresh token that changes with every use, so that a stolen one is noticed."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from errors import NotSignedIn
from memory.tables import RefreshSession, User
from memory.tables.base import utc_now
from settings import Settings
from tools.permissions import SYSTEM, Actor, ActorKind
from tools.users import note_in_log

TOKEN_BYTES = 32
GRACE = timedelta(seconds=20)
"""How long the token before may still be used: two tabs refresh at once, an answer is lost on the way."""
AGENT_CHARACTERS = 300
KEPT = timedelta(days=30)
"""How long an ended session is remembered, so that its tokens are still recognised as stolen ones."""


@dataclass(frozen=True, slots=True)
class Renewed:
    user: User
    refresh_token: str | None
    """None when the caller used the token before the newest: another request has received the new one."""


def find_for_sign_in(session: Session, email: str) -> User | None:
    """The active user with that address, if any."""
    return session.scalar(select(User).where(User.email == email.strip().lower(), User.is_active))


def sign_in(session: Session, settings: Settings, user_id: UUID, user_agent: str | None) -> tuple[User, str]:
    """Begin a session for a user whose password was right; returns the refresh token, which is kept only as a hash.

    Raises:
        NotSignedIn: the user was disabled meanwhile.
    """
    user = session.get(User, user_id)
    if user is None or not user.is_active:
        raise NotSignedIn("This e-mail address and password do not belong together.")
    now = utc_now()
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        RefreshSession(
            user_id=user.id,
            token_hash=_hash(token),
            user_agent=user_agent[:AGENT_CHARACTERS] if user_agent else None,
            expires_at=now + timedelta(seconds=settings.refresh_token_lifetime),
        )
    )
    user.last_login = now
    session.flush()
    note_in_log(session, Actor(ActorKind.STAFF, id=user.id), "sign_in", "Signed in", {"user_id": str(user.id)})
    return user, token


def renew(session: Session, token: str) -> Renewed | None:
    """A new refresh token for this one; None when it is not, or no longer, good for anything.

    A token that was replaced longer ago than GRACE is a copy in wrong hands: the session ends. The caller commits
    also then, which is why this returns None and does not raise.
    """
    now, given = utc_now(), _hash(token)
    found = session.scalar(
        select(RefreshSession)
        .where(or_(RefreshSession.token_hash == given, RefreshSession.previous_hash == given))
        .with_for_update()
    )
    if found is None or found.revoked_at is not None or found.expires_at <= now:
        return None
    user = session.get_one(User, found.user_id)
    if not user.is_active:
        return None
    if found.token_hash == given:
        renewed = secrets.token_urlsafe(TOKEN_BYTES)
        found.token_hash, found.previous_hash, found.rotated_at = _hash(renewed), given, now
        session.flush()
        return Renewed(user, renewed)
    if now - found.rotated_at <= GRACE:
        return Renewed(user, None)
    found.revoked_at = now
    note_in_log(session, SYSTEM, "refresh_reused", "A used refresh token came again", {"user_id": str(user.id)})
    return None


def sign_out(session: Session, token: str) -> None:
    """End the session of this token; nothing happens when there is none."""
    given = _hash(token)
    session.execute(
        update(RefreshSession)
        .where(or_(RefreshSession.token_hash == given, RefreshSession.previous_hash == given))
        .values(revoked_at=utc_now())
    )


def change_password(session: Session, user_id: UUID, password_hash: str) -> User:
    """Every session and access token of the user ends with this."""
    user = session.get_one(User, user_id)
    user.password_hash = password_hash
    user.token_version += 1
    session.execute(
        update(RefreshSession)
        .where(RefreshSession.user_id == user_id, RefreshSession.revoked_at.is_(None))
        .values(revoked_at=utc_now())
    )
    session.flush()
    note_in_log(session, Actor(ActorKind.STAFF, id=user_id), "change_password", "Password changed", {})
    return user


def prune_sign_ins(session: Session) -> int:
    """Forget sessions that ended long ago; returns how many."""
    old = delete(RefreshSession).where(RefreshSession.expires_at < utc_now() - KEPT)
    return len(session.scalars(old.returning(RefreshSession.id)).all())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
