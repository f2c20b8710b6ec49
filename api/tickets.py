"""Tickets for staff: lists, one ticket, its history, and the handoff package."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.deps import ActorDep, ReadDep, access
from api.paging import Page, PagingDep, Slice
from memory.tables import Category, Channel, Priority, Queue, Ticket, TicketStatus
from tools import tickets
from tools.handoff import handoff_package
from tools.permissions import Permission
from tools.tickets import TicketFilter

router = APIRouter(prefix="/api/tickets", tags=["tickets"])

VIEW = access(Permission.TICKETS_VIEW)


class TicketOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    number: int
    subject: str
    description: str
    channel: Channel
    customer_id: UUID | None
    intent: str | None
    category: Category
    priority: Priority
    status: TicketStatus
    queue_id: UUID
    queue: str
    """The queue's team."""
    assigned_to: UUID | None
    sla_id: UUID | None
    respond_by: datetime | None
    resolve_by: datetime | None
    first_responded_at: datetime | None
    resolved_at: datetime | None
    rag_confidence: float | None
    auto_resolve_attempts: int
    metadata: dict[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime


class HistoryOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    action: str
    comment: str | None
    old_values: dict[str, Any]
    new_values: dict[str, Any]
    changed_by: UUID | None
    turn_id: UUID | None
    created_at: datetime


class FilterIn(BaseModel):
    status: TicketStatus | None = None
    queue: str | None = Field(default=None, max_length=100)
    """A team's name."""
    assignee: UUID | None = None
    priority: Priority | None = None
    category: Category | None = None
    customer: UUID | None = None


def shown(session: Session, found: list[Ticket]) -> list[TicketOut]:
    """Tickets as the API gives them, with their queues' teams."""
    teams = dict(session.execute(select(Queue.id, Queue.team)).tuples().all())
    columns = [column.key for column in Ticket.__mapper__.column_attrs if column.key != "facts"]
    return [
        TicketOut(
            **{name: getattr(ticket, name) for name in columns}, metadata=ticket.facts, queue=teams[ticket.queue_id]
        )
        for ticket in found
    ]


@router.get("", response_model=Page[TicketOut], openapi_extra=VIEW)
def list_tickets(
    wanted: Annotated[FilterIn, Query()], paging: PagingDep, session: ReadDep, actor: ActorDep
) -> Slice[TicketOut]:
    """Newest first."""
    found = tickets.list_tickets(
        session, actor, TicketFilter(**wanted.model_dump()), limit=paging.limit, after=paging.after
    )
    return paging.slice(shown(session, found), lambda ticket: (ticket.created_at, ticket.id))


@router.get("/{ticket_id}", openapi_extra=VIEW)
def get_ticket(ticket_id: UUID, session: ReadDep, actor: ActorDep, response: Response) -> TicketOut:
    ticket = tickets.get_ticket(session, actor, ticket_id)
    response.headers["ETag"] = f'"{ticket.version}"'
    return shown(session, [ticket])[0]


@router.get("/{ticket_id}/history", response_model=Page[HistoryOut], openapi_extra=VIEW)
def get_history(ticket_id: UUID, paging: PagingDep, session: ReadDep, actor: ActorDep) -> Any:
    """What happened to the ticket, oldest first."""
    found = tickets.history_of(session, actor, ticket_id, limit=paging.limit, after=paging.after)
    return paging.slice(found, lambda entry: (entry.created_at, entry.id))


@router.get("/{ticket_id}/handoff", openapi_extra=VIEW)
def get_handoff(ticket_id: UUID, session: ReadDep, actor: ActorDep) -> dict[str, Any]:
    """Everything a person needs to go on where the bot stopped."""
    return handoff_package(session, actor, ticket_id)
