"""The clocks of a ticket: by when a person must have answered, and by when it must be resolved."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from memory.tables import Priority, Sla, Ticket

AT_RISK = 0.8
"""Share of the time to the first answer after which a breach is imminent (the guide's 80 %)."""

UNITS = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}


def parse_interval(text: str) -> int:
    """Seconds in an interval such as `2 hours`, `30 minutes` or `1 day`. Raises ValueError for anything else."""
    match = re.fullmatch(r"\s*(\d{1,6})\s+(minute|hour|day|week)s?\s*", text)
    if match is None or int(match[1]) == 0:
        raise ValueError(f"not an interval: {text!r}; write for example '30 minutes', '2 hours' or '1 day'")
    return int(match[1]) * UNITS[match[2]]


@dataclass(frozen=True, slots=True)
class Deadlines:
    respond_by: datetime
    resolve_by: datetime


def deadlines(sla: Sla, opened_at: datetime) -> Deadlines:
    """When a ticket opened at `opened_at` (aware) is due; the clock runs day and night."""
    return Deadlines(
        opened_at + timedelta(seconds=sla.respond_within), opened_at + timedelta(seconds=sla.resolve_within)
    )


def sla_for(session: Session, priority: Priority) -> Sla | None:
    return session.scalar(select(Sla).where(Sla.priority == priority))


def start_clocks(session: Session, ticket: Ticket) -> None:
    """Set the ticket's SLA and both deadlines by its priority."""
    sla = sla_for(session, ticket.priority)
    if sla is None:
        return
    due = deadlines(sla, ticket.created_at)
    ticket.sla_id, ticket.respond_by, ticket.resolve_by = sla.id, due.respond_by, due.resolve_by


def share_used(ticket: Ticket, now: datetime) -> float:
    """How much of the time to the first answer is gone, 0 for a ticket that was answered or has no SLA."""
    if ticket.respond_by is None or ticket.first_responded_at is not None:
        return 0.0
    allowed = (ticket.respond_by - ticket.created_at).total_seconds()
    return (now - ticket.created_at).total_seconds() / allowed if allowed > 0 else 1.0


def shorten(deadline: datetime | None, multiplier: float, now: datetime) -> datetime | None:
    """`deadline` with its remaining time multiplied; one that has passed stays as it is."""
    if deadline is None or deadline <= now:
        return deadline
    return now + (deadline - now) * multiplier
