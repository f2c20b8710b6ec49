"""Tickets, where they wait, by when they are due, and everything that happened to them."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from memory.tables.base import Table, Timed, WithId, utc_now


class Channel(enum.StrEnum):
    CHAT = "chat"
    EMAIL = "email"
    API = "api"
    PHONE = "phone"


class Category(enum.StrEnum):
    TECHNICAL = "technical"
    BILLING = "billing"
    GENERAL = "general"


class Priority(enum.StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


class TicketStatus(enum.StrEnum):
    OPEN = "open"
    PENDING = "pending"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Queue(WithId, Timed, Table):
    __tablename__ = "queues"

    name: Mapped[str] = mapped_column(unique=True)
    team: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str | None]


class Sla(WithId, Timed, Table):
    """A promise by priority."""

    __tablename__ = "slas"
    __table_args__ = (
        CheckConstraint("respond_within > 0", name="respond_within_positive"),
        CheckConstraint("resolve_within >= respond_within", name="resolve_after_respond"),
    )

    name: Mapped[str] = mapped_column(unique=True)
    priority: Mapped[Priority] = mapped_column(unique=True)
    respond_within: Mapped[int]
    """Seconds to the first answer of a person."""
    resolve_within: Mapped[int]
    """Seconds to the resolution."""


class Ticket(WithId, Timed, Table):
    __tablename__ = "tickets"
    __table_args__ = (
        Index(None, "status", "created_at", "id"),
        Index(None, "queue_id", "status", "created_at", "id"),
        Index(None, "assigned_to", "status", "created_at", "id"),
        Index(None, "customer_id", "created_at", "id"),
        Index(None, "priority", "created_at", "id"),
        Index(None, "category", "created_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "respond_by"),
        Index(None, "resolve_by"),
        Index(None, "sla_id"),
        CheckConstraint("auto_resolve_attempts >= 0", name="attempts_not_negative"),
        CheckConstraint("rag_confidence BETWEEN 0 AND 1", name="confidence_is_probability"),
    )

    number: Mapped[int] = mapped_column(unique=True)
    subject: Mapped[str]
    description: Mapped[str]
    channel: Mapped[Channel] = mapped_column(default=Channel.CHAT)
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customers.id", ondelete="SET NULL"))
    intent: Mapped[str | None]
    category: Mapped[Category] = mapped_column(default=Category.GENERAL)
    priority: Mapped[Priority] = mapped_column(default=Priority.MEDIUM)
    status: Mapped[TicketStatus] = mapped_column(default=TicketStatus.OPEN)
    queue_id: Mapped[UUID] = mapped_column(ForeignKey("queues.id", ondelete="RESTRICT"))
    assigned_to: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    sla_id: Mapped[UUID | None] = mapped_column(ForeignKey("slas.id", ondelete="SET NULL"))
    respond_by: Mapped[datetime | None]
    resolve_by: Mapped[datetime | None]
    first_responded_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    rag_confidence: Mapped[float | None]
    """Of the last knowledge-base attempt, a probability."""
    auto_resolve_attempts: Mapped[int] = mapped_column(default=0)
    facts: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    """The column is called `metadata`, a name SQLAlchemy keeps for itself."""
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}


class TicketHistory(WithId, Table):
    """Append-only: one row a change, with the values before and after."""

    __tablename__ = "ticket_history"
    __table_args__ = (Index(None, "ticket_id", "created_at"), Index(None, "changed_by"), Index(None, "turn_id"))

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    action: Mapped[str]
    comment: Mapped[str | None]
    old_values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    new_values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    changed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    """Unset when the bot or the system did it."""
    turn_id: Mapped[UUID | None] = mapped_column(ForeignKey("turns.id", ondelete="SET NULL"))
    """The turn in which the bot did it."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class TicketComment(WithId, Table):
    __tablename__ = "ticket_comments"
    __table_args__ = (Index(None, "ticket_id", "created_at"), Index(None, "author_id"))

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    body: Mapped[str]
    internal: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
