"""What admins watch: the system log, team metrics, and commands in plain language."""

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from memory.tables.base import Table, Timed, WithId, utc_now


class LogLevel(enum.StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class SystemLog(WithId, Table):
    """Append-only."""

    __tablename__ = "system_logs"
    __table_args__ = (
        Index("idx_system_logs_level", "level"),
        Index("idx_system_logs_created", "created_at"),
        Index("idx_system_logs_module", "module"),
        Index(None, "user_id"),
    )

    level: Mapped[LogLevel]
    message: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    module: Mapped[str | None]
    action: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class TeamMetric(WithId, Table):
    """One team's day."""

    __tablename__ = "team_metrics"
    __table_args__ = (UniqueConstraint("team", "date"), Index("idx_team_metrics_date", "date"))

    team: Mapped[str]
    date: Mapped[date]
    tickets_created: Mapped[int] = mapped_column(default=0)
    tickets_resolved: Mapped[int] = mapped_column(default=0)
    tickets_escalated: Mapped[int] = mapped_column(default=0)
    avg_resolution_time: Mapped[int | None]
    """Seconds."""
    tasks_completed: Mapped[int] = mapped_column(default=0)
    meetings_held: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class AdminCommandStatus(enum.StrEnum):
    PREVIEW = "preview"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    UNDONE = "undone"


class AdminCommand(WithId, Timed, Table):
    __tablename__ = "admin_commands"
    __table_args__ = (Index(None, "user_id", "created_at"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    text: Mapped[str]
    plan: Mapped[list[Any]] = mapped_column(default=list)
    status: Mapped[AdminCommandStatus] = mapped_column(default=AdminCommandStatus.PREVIEW)
    result: Mapped[dict[str, Any] | None]
    undo: Mapped[list[Any] | None]
