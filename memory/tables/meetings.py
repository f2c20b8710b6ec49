"""Meetings and who is asked to come."""

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from memory.tables.base import Table, Timed, WithId


class MeetingStatus(enum.StrEnum):
    SCHEDULED = "scheduled"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Meeting(WithId, Timed, Table):
    __tablename__ = "meetings"
    __table_args__ = (
        CheckConstraint("end_time > start_time", name="ends_after_start"),
        Index("idx_meetings_start", "start_time"),
        Index("idx_meetings_organizer", "organizer_id"),
        Index(None, "customer_id"),
    )

    title: Mapped[str]
    description: Mapped[str | None]
    start_time: Mapped[datetime]
    end_time: Mapped[datetime]
    location: Mapped[str | None]
    meeting_url: Mapped[str | None]
    organizer_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customers.id", ondelete="SET NULL"))
    """Of a call with a customer."""
    status: Mapped[MeetingStatus] = mapped_column(default=MeetingStatus.SCHEDULED)
    meeting_type: Mapped[str | None]
    notes: Mapped[str | None]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}


class MeetingAttendee(Table):
    """The seed's array of user ids, as a join table."""

    __tablename__ = "meeting_attendees"
    __table_args__ = (Index(None, "user_id"),)

    meeting_id: Mapped[UUID] = mapped_column(ForeignKey("meetings.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
