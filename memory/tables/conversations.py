"""The transcript, the turns that answer it, and what each turn did."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from memory.tables.base import Table, Timed, WithId, utc_now
from memory.tables.tickets import Channel


class ConversationHolder(enum.StrEnum):
    """Who answers the customer now."""

    BOT = "bot"
    WAITING = "waiting"
    """Handed over, and no person has written yet: the bot stays silent."""
    PERSON = "person"


class MessageAuthor(enum.StrEnum):
    CUSTOMER = "customer"
    BOT = "bot"
    STAFF = "staff"
    SYSTEM = "system"


class TurnStatus(enum.StrEnum):
    QUEUED = "queued"
    """An earlier turn of the conversation is not done."""
    RUNNING = "running"
    DONE = "done"


class Conversation(WithId, Timed, Table):
    __tablename__ = "conversations"
    __table_args__ = (
        Index(None, "customer_id"),
        Index(None, "ticket_id"),
        Index(None, "held_by"),
        Index(None, "updated_at"),
    )

    channel: Mapped[Channel] = mapped_column(default=Channel.CHAT)
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customers.id", ondelete="SET NULL"))
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id", ondelete="SET NULL"))
    """The ticket that this conversation is about now."""
    holder: Mapped[ConversationHolder] = mapped_column(default=ConversationHolder.BOT)
    held_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    verified_at: Mapped[datetime | None]
    last_position: Mapped[int] = mapped_column(default=0)
    """Position of the newest message; raised by one statement, which also takes the row's lock."""


class Message(WithId, Table):
    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "position"),
        UniqueConstraint("conversation_id", "client_id"),
        Index(None, "author_id"),
    )

    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    position: Mapped[int]
    author: Mapped[MessageAuthor]
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    text: Mapped[str]
    client_id: Mapped[str | None]
    """The sender's own name for the message: a repeat is the same message."""
    reply: Mapped[dict[str, Any] | None]
    """Of a bot message: the rest of the Reply (outcome, confidence, citations, …)."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Turn(WithId, Table):
    """One customer message and what was made of it. Its status decides whether anything is left to do."""

    __tablename__ = "turns"
    __table_args__ = (
        UniqueConstraint("conversation_id", "position"),
        Index(None, "status", "lease_until"),
        Index(None, "reply_id"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence_is_probability"),
    )

    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    position: Mapped[int]
    """That of the customer's message; turns of a conversation run in this order."""
    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), unique=True)
    reply_id: Mapped[UUID | None] = mapped_column(ForeignKey("messages.id", ondelete="SET NULL"))
    status: Mapped[TurnStatus] = mapped_column(default=TurnStatus.RUNNING)
    owner: Mapped[str | None]
    """The process that runs it."""
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    plan: Mapped[list[Any] | None]
    """The tool calls decided on, written before the first of them has an effect; a re-run executes these."""
    classification: Mapped[dict[str, Any] | None]
    retrieval: Mapped[dict[str, Any] | None]
    """Query, passages and scores of the knowledge-base attempt: the handoff shows them."""
    outcome: Mapped[str | None]
    confidence: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    finished_at: Mapped[datetime | None]


class ToolEffect(Table):
    """That a planned call had its effect, written in the effect's own transaction: a repeat returns the result."""

    __tablename__ = "tool_effects"

    turn_id: Mapped[UUID] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    tool: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
