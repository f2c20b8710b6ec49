"""Articles, the passages they are cut into, and which of them were shown to whom."""

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from memory.tables.base import Table, Timed, WithId, utc_now


class ArticleStatus(enum.StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class Article(WithId, Timed, Table):
    """The newest version of an article; `version` is also what `If-Match` compares."""

    __tablename__ = "kb_articles"
    __table_args__ = (Index(None, "status", "category"), Index(None, "created_by"))

    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    body: Mapped[str]
    """Markdown."""
    category: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(default=list)
    questions: Mapped[list[str]] = mapped_column(default=list, server_default="[]")
    """What customers ask that this article answers, in their words; searched, never shown."""
    status: Mapped[ArticleStatus] = mapped_column(default=ArticleStatus.DRAFT)
    source: Mapped[str | None] = mapped_column(unique=True)
    """The ingested file's path relative to the path that was given, with `#n` for an entry of a FAQ file."""
    content_hash: Mapped[str]
    """SHA-256 of title, category, tags, questions and body: equal means there is nothing to do."""
    published_at: Mapped[datetime | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    version: Mapped[int] = mapped_column(default=1)


class ArticleVersion(WithId, Table):
    __tablename__ = "kb_article_versions"
    __table_args__ = (UniqueConstraint("article_id", "version"), Index(None, "created_by"))

    article_id: Mapped[UUID] = mapped_column(ForeignKey("kb_articles.id", ondelete="CASCADE"))
    version: Mapped[int]
    title: Mapped[str]
    body: Mapped[str]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Chunk(WithId, Table):
    """A passage: what is shown and cited. Only those of an article's current version are kept."""

    __tablename__ = "kb_chunks"
    __table_args__ = (UniqueConstraint("article_id", "version", "position"), Index(None, "content_hash"))

    article_id: Mapped[UUID] = mapped_column(ForeignKey("kb_articles.id", ondelete="CASCADE"))
    version: Mapped[int]
    position: Mapped[int]
    heading_path: Mapped[str]
    """Headings above the passage, outermost first, joined by ` > `; empty at the top."""
    content: Mapped[str]
    """Markdown, verbatim from the article's body."""
    content_hash: Mapped[str]


class StoredVector(Table):
    """An encoded text, so that unchanged text is never encoded again."""

    __tablename__ = "kb_vectors"

    text_hash: Mapped[str] = mapped_column(primary_key=True)
    encoder: Mapped[str] = mapped_column(primary_key=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    """Little-endian float32, unit length."""


class Citation(WithId, Table):
    __tablename__ = "citations"
    __table_args__ = (
        Index(None, "conversation_id"),
        Index(None, "ticket_id"),
        Index(None, "turn_id"),
        Index(None, "article_id"),
        Index(None, "chunk_id"),
    )

    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    turn_id: Mapped[UUID] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id", ondelete="SET NULL"))
    article_id: Mapped[UUID | None] = mapped_column(ForeignKey("kb_articles.id", ondelete="SET NULL"))
    version: Mapped[int]
    chunk_id: Mapped[UUID | None] = mapped_column(ForeignKey("kb_chunks.id", ondelete="SET NULL"))
    """Unset once the article has a newer version; `quote` and `version` still say what was shown."""
    quote: Mapped[str]
    score: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Feedback(WithId, Table):
    """A customer's word on one answer; a second word replaces the first."""

    __tablename__ = "feedback"
    __table_args__ = (Index(None, "conversation_id"),)

    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), unique=True)
    helpful: Mapped[bool]
    comment: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
