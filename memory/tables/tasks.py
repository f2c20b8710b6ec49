"""Tasks of staff."""

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from memory.tables.base import Table, Timed, WithId
from memory.tables.tickets import Priority


class TaskStatus(enum.StrEnum):
    TODO = "todo"
    IN_PROGRESS = "in_progress"
    REVIEW = "review"
    DONE = "done"
    CANCELLED = "cancelled"


class Task(WithId, Timed, Table):
    __tablename__ = "tasks"
    __table_args__ = (
        Index("idx_tasks_assigned", "assigned_to"),
        Index("idx_tasks_status", "status"),
        Index("idx_tasks_due", "due_date"),
        Index(None, "created_by"),
        Index(None, "related_ticket_id"),
        Index(None, "related_meeting_id"),
    )

    title: Mapped[str]
    description: Mapped[str | None]
    assigned_to: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    priority: Mapped[Priority] = mapped_column(default=Priority.MEDIUM)
    status: Mapped[TaskStatus] = mapped_column(default=TaskStatus.TODO)
    due_date: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    related_ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id", ondelete="SET NULL"))
    related_meeting_id: Mapped[UUID | None] = mapped_column(ForeignKey("meetings.id", ondelete="SET NULL"))
    tags: Mapped[list[str]] = mapped_column(default=list)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}
