"""Escalation by hand, and the rules as people read them."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from api.deps import ActorDep, SessionDep, access
from api.tickets import TicketOut, shown
from memory.tables import Priority
from tools.escalation import NO_RULE, RULES, Rule, escalate_ticket, parse_reason
from tools.permissions import Permission, require

router = APIRouter(prefix="/api/escalations", tags=["escalations"])


class EscalatedOut(BaseModel):
    success: bool
    ticket: TicketOut
    message: str


class RuleOut(BaseModel):
    name: str
    condition: str
    target_queue: str
    sla_multiplier: float
    priority_boost: Priority | None


class RulesOut(BaseModel):
    items: list[RuleOut]
    """In order: the first that holds decides."""
    otherwise: RuleOut
    next_cursor: None = None


@router.post("/tickets/{ticket_id}/escalate", openapi_extra=access(Permission.TICKETS_UPDATE))
def escalate(ticket_id: UUID, session: SessionDep, actor: ActorDep, reason: str = "manual") -> EscalatedOut:
    """Hand the ticket to the people whom the rules name."""
    ticket = escalate_ticket(session, actor, ticket_id, parse_reason(reason))
    return EscalatedOut(success=True, ticket=shown(session, [ticket])[0], message="Ticket escalated successfully")


@router.get("/rules", openapi_extra=access(Permission.TICKETS_VIEW))
def list_rules(actor: ActorDep) -> RulesOut:
    require(actor, Permission.TICKETS_VIEW)
    return RulesOut(items=[_shown(rule) for rule in RULES], otherwise=_shown(NO_RULE))


def _shown(rule: Rule) -> RuleOut:
    return RuleOut(
        name=rule.name,
        condition=rule.condition,
        target_queue=rule.queue,
        sla_multiplier=rule.sla_multiplier,
        priority_boost=rule.priority,
    )
