"""Staff users: added, found, and the first admin of a new installation."""

import secrets
from dataclasses import dataclass
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select
from sqlalchemy.orm import Session

from errors import Conflict, InvalidField
from memory.database import take_turns
from memory.tables import AppSetting, LogLevel, Role, SystemLog, User
from settings import Settings
from tools.passwords import hash_password
from tools.permissions import PERMISSIONS_STAMP, SYSTEM, Actor, ActorKind, Permission, RoleTable, require

FIRST_ADMIN = "admin@clara.ai"
NAME_CHARACTERS = 200
MADE_UP_BYTES = 12
"""Of a made-up password: 16 characters, 96 bits."""


def add_user(
    session: Session,
    actor: Actor,
    *,
    email: str,
    display_name: str,
    role: Role,
    team: str | None,
    password_hash: str,
) -> User:
    """A user who can sign in from now on.

    Raises:
        InvalidField: not an e-mail address, or a name that is empty or too long.
        Conflict: somebody has this address already.
    """
    require(actor, Permission.USERS_CREATE)
    address = normal_address(email)
    name = display_name.strip()
    if not 1 <= len(name) <= NAME_CHARACTERS:
        raise InvalidField(f"A name has 1 to {NAME_CHARACTERS} characters.", details=[{"field": "display_name"}])
    if session.scalar(select(User.id).where(User.email == address)) is not None:
        raise Conflict("There is a user with this e-mail address.")
    user = User(email=address, display_name=name, role=role, team=team, password_hash=password_hash)
    session.add(user)
    session.flush()
    note_in_log(session, actor, "add_user", "User added", {"user_id": str(user.id), "role": role.value})
    return user


def normal_address(email: str) -> str:
    """The address as it is kept: lower case. Raises InvalidField for something else."""
    try:
        return validate_email(email, check_deliverability=False).normalized.lower()
    except EmailNotValidError as fault:
        raise InvalidField(str(fault), details=[{"field": "email"}]) from None


def make_up_password() -> str:
    return secrets.token_urlsafe(MADE_UP_BYTES)


def first_admin(session: Session, settings: Settings) -> str | None:
    """Add an admin when there is no user at all; returns what to tell the person who started Clara, once."""
    take_turns(session, "users")
    if session.scalar(select(User.id).limit(1)) is not None:
        return None
    given = settings.password.get_secret_value() if settings.password else None
    password = given or make_up_password()
    add_user(
        session, SYSTEM, email=FIRST_ADMIN, display_name="Admin User", role=Role.ADMIN, team="admin",
        password_hash=hash_password(settings, password),
    )  # fmt: skip
    known = "the password in CLARA_PASSWORD" if given else f"the password {password} (shown this once)"
    return f"Made the first admin: {FIRST_ADMIN} with {known}."


@dataclass(frozen=True, slots=True)
class Access:
    """What a request by a signed-in user is checked against."""

    is_active: bool
    token_version: int
    role: str
    permissions: frozenset[str]


def access_of(session: Session, roles: RoleTable, user_id: UUID) -> Access | None:
    """The user's standing now, in one statement unless a grant has changed; None when there is no such user."""
    stamp = select(AppSetting.value).where(AppSetting.name == PERMISSIONS_STAMP).scalar_subquery()
    row = session.execute(
        select(User.is_active, User.token_version, User.role, stamp).where(User.id == user_id)
    ).one_or_none()
    if row is None:
        return None
    is_active, token_version, role, value = row
    permissions = roles.permissions(session, role.value, (value or {}).get("stamp"))
    return Access(is_active, token_version, role.value, permissions)


def note_in_log(session: Session, actor: Actor, action: str, message: str, facts: dict[str, object]) -> None:
    """Add to the system log; ids only, no personal values."""
    session.add(
        SystemLog(
            level=LogLevel.INFO,
            message=message,
            user_id=actor.id if actor.kind is ActorKind.STAFF else None,
            module="users",
            action=action,
            facts=facts,
        )
    )
