"""Work to be done after a commit, and the small tables the machinery needs."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from memory.tables.base import Table, WithId, utc_now


class JobStatus(enum.StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    DONE = "done"
    DEAD = "dead"
    """Tried too often; kept for a person to look at."""


class Job(WithId, Table):
    """Written in the same transaction as the change that asks for it."""

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "status", "run_at"),)

    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    status: Mapped[JobStatus] = mapped_column(default=JobStatus.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    run_at: Mapped[datetime] = mapped_column(default=utc_now)
    """Not before this moment; while claimed, the end of the claim's lease."""
    claimed_by: Mapped[str | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]


class Event(Table):
    """That something changed, for open streams in every process; the row says where to look, not what."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "created_at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    kind: Mapped[str]
    conversation_id: Mapped[UUID | None]
    ticket_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class IdempotencyKey(Table):
    """The first answer to a creation, given again to a repeat."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "created_at"),)

    scope: Mapped[str] = mapped_column(primary_key=True)
    """Who asks for what, so that two callers may use the same key."""
    key: Mapped[str] = mapped_column(primary_key=True)
    body_hash: Mapped[str]
    answer: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Counter(Table):
    """Human numbers without gaps; the row's lock orders the takers."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int]


class AppSetting(Table):
    """What admins set while Clara runs, and version stamps of cached tables."""

    __tablename__ = "app_settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
