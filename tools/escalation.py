"""When a ticket goes to which people: the guide's five rules as data, and the operation that applies them."""

import enum
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from errors import InvalidField
from memory.tables import Customer, LogLevel, Priority, Queue, Role, SystemLog, Ticket, TicketStatus, User
from memory.tables.base import utc_now
from tools.mail import queue_mail
from tools.permissions import Actor, ActorKind, Permission, require
from tools.queues import queue_of
from tools.sla import AT_RISK, share_used, shorten
from tools.tickets import get_ticket, record, snapshot

LOW_CONFIDENCE = 0.7
"""A knowledge-base attempt below this probability goes to tier 2 (the guide's number)."""
FAILED_ATTEMPTS = 3
"""Answers that did not help, after which a ticket goes to the escalations queue (the guide's number)."""


class EscalationReason(enum.StrEnum):
    MANUAL = "manual"
    AUTO = "auto"
    SLA_BREACH = "sla_breach"
    LOW_CONFIDENCE = "low_confidence"
    ASKED_FOR_PERSON = "asked_for_person"
    REPEATED = "repeated"
    SENTIMENT = "sentiment"
    SILENT_ASSIGNEE = "silent_assignee"


@dataclass(frozen=True, slots=True)
class Signals:
    """What the rules look at."""

    customer_vip: bool
    priority: str
    category: str
    sla_used: float
    """Share of the time to the first answer that is gone."""
    rag_confidence: float
    """1 when the knowledge base was not asked."""
    auto_resolve_attempts: int


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    holds: Callable[[Signals], bool]
    condition: str
    """The same in words, for people."""
    queue: str
    sla_multiplier: float
    """Of the time that remains on the open clocks."""
    priority: Priority | None = None
    """What the priority becomes; unset keeps it."""


RULES: tuple[Rule, ...] = (  # in order: the first that holds decides
    Rule(
        "VIP Customer Urgent",
        lambda signals: signals.customer_vip and signals.priority == Priority.URGENT,
        "the customer is a VIP and the priority is urgent",
        queue="senior_support",
        sla_multiplier=0.5,
        priority=Priority.URGENT,
    ),
    Rule(
        "SLA Breach Imminent",
        lambda signals: signals.sla_used > AT_RISK,
        f"more than {AT_RISK:.0%} of the time to the first answer is gone",
        queue="escalations",
        sla_multiplier=0.75,
    ),
    Rule(
        "Low Confidence RAG",
        lambda signals: signals.rag_confidence < LOW_CONFIDENCE,
        f"the knowledge base's answer had a confidence below {LOW_CONFIDENCE}",
        queue="support_tier2",
        sla_multiplier=1.0,
    ),
    Rule(
        "Technical Urgent",
        lambda signals: signals.category == "technical" and signals.priority in (Priority.URGENT, Priority.HIGH),
        "the category is technical and the priority urgent or high",
        queue="technical_support",
        sla_multiplier=0.8,
    ),
    Rule(
        "Multiple Failed Attempts",
        lambda signals: signals.auto_resolve_attempts >= FAILED_ATTEMPTS,
        f"at least {FAILED_ATTEMPTS} answers did not help",
        queue="escalations",
        sla_multiplier=0.9,
        priority=Priority.HIGH,
    ),
)

NO_RULE = Rule("No rule", lambda _: True, "none of the rules holds", queue="escalations", sla_multiplier=0.9)


def first_match(signals: Signals) -> Rule | None:
    return next((rule for rule in RULES if rule.holds(signals)), None)


def should_escalate(signals: Signals) -> bool:
    return first_match(signals) is not None


def signals_of(session: Session, ticket: Ticket, now: datetime) -> Signals:
    vip = session.scalar(select(Customer.vip).where(Customer.id == ticket.customer_id)) if ticket.customer_id else None
    return Signals(
        customer_vip=bool(vip),
        priority=ticket.priority,
        category=ticket.category,
        sla_used=share_used(ticket, now),
        rag_confidence=1.0 if ticket.rag_confidence is None else ticket.rag_confidence,
        auto_resolve_attempts=ticket.auto_resolve_attempts,
    )


def parse_reason(text: str) -> EscalationReason:
    """Raises InvalidField for a reason that is not on the list."""
    try:
        return EscalationReason(text)
    except ValueError:
        raise InvalidField(
            f"Unknown reason; use one of {', '.join(EscalationReason)}.", details=[{"field": "reason"}]
        ) from None


def escalate_ticket(
    session: Session, actor: Actor, ticket_id: UUID, reason: EscalationReason, *, turn_id: UUID | None = None
) -> Ticket:
    """Move the ticket to the people who can help: queue, priority, clocks, history, notification and log at once.

    A rule's multiplier is applied once per ticket and rule, so escalating twice is harmless.
    """
    if actor.kind is not ActorKind.CUSTOMER:  # a customer's own wish for a person comes through the conversation
        require(actor, Permission.TICKETS_UPDATE)
    ticket = get_ticket(session, actor, ticket_id)
    now = utc_now()
    signals = signals_of(session, ticket, now)
    rule = first_match(signals) or NO_RULE
    old = snapshot(ticket)
    queue = queue_of(session, rule.queue)
    _apply(ticket, rule, queue, now)
    ticket.facts = {
        **ticket.facts,
        "escalated_at": now.isoformat(),
        "escalation_reason": reason.value,
        "escalated_by": str(actor.id) if actor.kind is ActorKind.STAFF else None,
        "escalation_rule": rule.name,
        "escalation_signals": asdict(signals),
    }
    record(
        session, actor, ticket, "escalated",
        comment=f"Escalated to {queue.team}: {reason.value} ({rule.name})", old=old, turn_id=turn_id,
    )  # fmt: skip
    _notify(session, ticket, queue, reason)
    _log(session, actor, ticket, rule, reason, turn_id)
    return ticket


def _apply(ticket: Ticket, rule: Rule, queue: Queue, now: datetime) -> None:
    ticket.status = TicketStatus.ESCALATED
    ticket.queue_id = queue.id
    ticket.priority = rule.priority or ticket.priority
    applied: list[str] = ticket.facts.get("applied_rules", [])
    if rule.name not in applied:
        if ticket.first_responded_at is None:
            ticket.respond_by = shorten(ticket.respond_by, rule.sla_multiplier, now)
        ticket.resolve_by = shorten(ticket.resolve_by, rule.sla_multiplier, now)
        ticket.facts = {**ticket.facts, "applied_rules": [*applied, rule.name]}


def _notify(session: Session, ticket: Ticket, queue: Queue, reason: EscalationReason) -> None:
    """A mail to whoever holds the ticket, else to everybody on the queue's team, else to the admins."""
    people = select(User.email).where(User.is_active)
    wanted = User.id == ticket.assigned_to if ticket.assigned_to else User.team == queue.team
    told = session.scalars(people.where(wanted)).all() or session.scalars(people.where(User.role == Role.ADMIN)).all()
    for email in told:
        queue_mail(
            session,
            to=email,
            subject=f"[Clara #{ticket.number}] Escalated to {queue.name}",
            text=(
                f"Ticket #{ticket.number} was escalated to {queue.name} ({reason.value.replace('_', ' ')}).\n"
                f"Priority: {ticket.priority.value}\n\n{ticket.subject}\n"
            ),
        )


def _log(
    session: Session, actor: Actor, ticket: Ticket, rule: Rule, reason: EscalationReason, turn_id: UUID | None
) -> None:
    session.add(
        SystemLog(
            level=LogLevel.INFO,
            message=f"Ticket #{ticket.number} escalated",
            user_id=actor.id if actor.kind is ActorKind.STAFF else None,
            module="support_agent",
            action="escalate",
            facts={
                "ticket_id": str(ticket.id),
                "rule": rule.name,
                "reason": reason.value,
                "turn_id": str(turn_id) if turn_id else None,
            },
        )
    )
    session.flush()
