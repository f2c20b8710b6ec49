"""Tickets: opened, read, listed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, tuple_, update
from sqlalchemy.orm import Session

from errors import Forbidden, NotFound
from memory.events import announce
from memory.tables import Category, Channel, Conversation, Counter, Priority, Queue, Ticket, TicketHistory, TicketStatus
from memory.tables.base import utc_now
from tools.permissions import Actor, ActorKind, Permission, require
from tools.queues import queue_of, team_for
from tools.sla import start_clocks

SUBJECT_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Labels:
    """What the classifier made of a ticket's text."""

    intent: str | None = None
    category: Category = Category.GENERAL
    priority: Priority = Priority.MEDIUM
    confidence: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """What a list shows; unset means all."""

    status: TicketStatus | None = None
    queue: str | None = None
    """A team's name."""
    assignee: UUID | None = None
    priority: Priority | None = None
    category: Category | None = None
    customer: UUID | None = None


def visible_tickets(actor: Actor) -> Select[Ticket]:
    """The rows this actor may see; every ticket query starts here.

    A customer sees the ticket of the conversation, and once the e-mail address is verified all under that address.
    """
    rows = select(Ticket)
    if actor.may(Permission.TICKETS_VIEW):
        return rows
    if actor.kind is not ActorKind.CUSTOMER:
        raise Forbidden(f"This needs the permission {Permission.TICKETS_VIEW.value}.")
    of_conversation = select(Conversation.ticket_id).where(Conversation.id == actor.conversation_id)
    own = Ticket.id.in_(of_conversation)
    return rows.where(own | (Ticket.customer_id == actor.customer_id) if actor.customer_id else own)


def get_ticket(session: Session, actor: Actor, ticket_id: UUID) -> Ticket:
    """Raises NotFound both for a missing ticket and for someone else's."""
    ticket = session.scalar(visible_tickets(actor).where(Ticket.id == ticket_id))
    if ticket is None:
        raise NotFound("No such ticket.")
    return ticket


def list_tickets(
    session: Session, actor: Actor, wanted: TicketFilter, *, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[Ticket]:
    """Newest first, one more than `limit` when there is a next page; `after` is the last row of the page before."""
    rows = visible_tickets(actor).order_by(Ticket.created_at.desc(), Ticket.id.desc()).limit(limit + 1)
    conditions = {
        Ticket.status: wanted.status,
        Ticket.assigned_to: wanted.assignee,
        Ticket.priority: wanted.priority,
        Ticket.category: wanted.category,
        Ticket.customer_id: wanted.customer,
    }
    for column, value in conditions.items():
        if value is not None:
            rows = rows.where(column == value)
    if wanted.queue is not None:
        rows = rows.where(Ticket.queue_id.in_(select(Queue.id).where(Queue.team == wanted.queue)))
    if after is not None:
        rows = rows.where(tuple_(Ticket.created_at, Ticket.id) < after)
    return list(session.scalars(rows))


def history_of(
    session: Session, actor: Actor, ticket_id: UUID, *, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[TicketHistory]:
    """Oldest first, one more than `limit` when there is a next page; raises NotFound as `get_ticket` does."""
    ticket = get_ticket(session, actor, ticket_id)
    rows = (
        select(TicketHistory)
        .where(TicketHistory.ticket_id == ticket.id)
        .order_by(TicketHistory.created_at, TicketHistory.id)
        .limit(limit + 1)
    )
    if after is not None:
        rows = rows.where(tuple_(TicketHistory.created_at, TicketHistory.id) > after)
    return list(session.scalars(rows))


def create_ticket(
    session: Session,
    actor: Actor,
    *,
    subject: str,
    description: str,
    labels: Labels,
    channel: Channel = Channel.CHAT,
    customer_id: UUID | None = None,
    turn_id: UUID | None = None,
) -> Ticket:
    """Open a ticket: numbered, routed by its category, its SLA clocks running."""
    if actor.kind is not ActorKind.CUSTOMER:
        require(actor, Permission.TICKETS_CREATE)
    now = utc_now()
    ticket = Ticket(
        number=_next_number(session),
        subject=subject[:SUBJECT_CHARACTERS],
        description=description,
        channel=channel,
        customer_id=customer_id,
        intent=labels.intent,
        category=labels.category,
        priority=labels.priority,
        status=TicketStatus.OPEN,
        queue_id=queue_of(session, team_for(labels.category)).id,
        created_at=now,
        facts={"classification_confidence": labels.confidence} if labels.confidence else {},
    )
    start_clocks(session, ticket)
    session.add(ticket)
    session.flush()
    record(session, actor, ticket, "created", comment=None, old={}, turn_id=turn_id)
    return ticket


def record(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    action: str,
    *,
    comment: str | None,
    old: dict[str, Any],
    turn_id: UUID | None = None,
) -> None:
    """Add to the ticket's history what changed since `old` (see `snapshot`), and tell whoever watches."""
    new = snapshot(ticket)
    changed = [name for name in new if old.get(name) != new[name]]
    session.add(
        TicketHistory(
            ticket_id=ticket.id,
            action=action,
            comment=comment,
            old_values={name: old[name] for name in changed if name in old},
            new_values={name: new[name] for name in changed},
            changed_by=actor.id if actor.kind is ActorKind.STAFF else None,
            turn_id=turn_id,
        )
    )
    announce(session, f"ticket.{action}", ticket_id=ticket.id)
    session.flush()


def snapshot(ticket: Ticket) -> dict[str, Any]:
    """The fields that history keeps, as JSON."""
    return {
        "subject": ticket.subject,
        "category": ticket.category.value,
        "priority": ticket.priority.value,
        "status": ticket.status.value,
        "queue_id": str(ticket.queue_id),
        "assigned_to": str(ticket.assigned_to) if ticket.assigned_to else None,
        "respond_by": ticket.respond_by.isoformat() if ticket.respond_by else None,
        "resolve_by": ticket.resolve_by.isoformat() if ticket.resolve_by else None,
    }


def _next_number(session: Session) -> int:
    """The next human number; the counter's row stays locked until the commit, so there are no gaps."""
    number: int | None = session.scalar(
        update(Counter).where(Counter.name == "ticket").values(value=Counter.value + 1).returning(Counter.value)
    )
    if number is None:
        raise LookupError("there is no ticket counter; run `clara seed`")
    return number
