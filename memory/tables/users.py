"""Staff, what each role may do, and signed-in sessions."""

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from memory.tables.base import Table, Timed, WithId, utc_now


class Role(enum.StrEnum):
    ADMIN = "admin"
    MANAGER = "manager"
    CSR = "csr"
    SALES = "sales"
    MARKETING = "marketing"


class User(WithId, Timed, Table):
    """A member of staff. Customers are not users."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(unique=True)
    """Lower case."""
    password_hash: Mapped[str]
    display_name: Mapped[str]
    avatar_url: Mapped[str | None]
    role: Mapped[Role] = mapped_column(default=Role.CSR)
    is_active: Mapped[bool] = mapped_column(default=True)
    team: Mapped[str | None]
    time_zone: Mapped[str] = mapped_column(default="UTC")
    """IANA name."""
    last_login: Mapped[datetime | None]
    token_version: Mapped[int] = mapped_column(default=1)
    """Raised to end every access token at once: a disabled user, a changed role or password."""
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}


class PermissionRow(WithId, Table):
    __tablename__ = "permissions"

    code: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str]
    category: Mapped[str]


class RolePermission(WithId, Table):
    __tablename__ = "role_permissions"
    __table_args__ = (UniqueConstraint("role", "permission_id"), Index(None, "permission_id"))

    role: Mapped[str]
    permission_id: Mapped[UUID] = mapped_column(ForeignKey("permissions.id", ondelete="CASCADE"))


class RefreshSession(WithId, Table):
    """One sign-in. Its refresh token rotates; a token seen twice ends the session."""

    __tablename__ = "refresh_sessions"
    __table_args__ = (Index(None, "user_id"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(unique=True)
    """SHA-256 of the token in use, hexadecimal."""
    previous_hash: Mapped[str | None] = mapped_column(index=True)
    """The token before it, to notice a stolen one."""
    user_agent: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    rotated_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
