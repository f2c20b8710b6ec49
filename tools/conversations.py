"""Conversations: begun, read, handed over to people, judged by the customer."""

import json
from typing import Any
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from langchain_core.tools import tool
from langgraph.prebuilt import ToolRuntime
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from errors import InvalidField, NotFound
from memory.conversations import start_conversation
from memory.database import Sessions, reading
from memory.events import announce
from memory.tables import (
    Category,
    Channel,
    Conversation,
    ConversationHolder,
    Customer,
    Feedback,
    Message,
    MessageAuthor,
    Priority,
    Queue,
    Ticket,
    TicketStatus,
)
from tools.caller import Caller, once
from tools.escalation import EscalationReason, escalate_ticket
from tools.permissions import Actor
from tools.tickets import Labels, create_ticket

HAND_OVER = "hand_over"
CLOSED = (TicketStatus.RESOLVED, TicketStatus.CLOSED)
COMMENT_CHARACTERS = 2_000


def begin_conversation(
    session: Session, *, channel: Channel = Channel.CHAT, email: str | None = None, name: str | None = None
) -> Conversation:
    """A new conversation, of the customer with that address when one is given.

    The address is not confirmed by this: nothing of that customer's account is shown.
    """
    customer = find_or_add_customer(session, email, name) if email else None
    return start_conversation(session, channel=channel, customer_id=customer.id if customer else None)


def find_or_add_customer(session: Session, email: str, name: str | None) -> Customer:
    """Raises InvalidField for something that is not an e-mail address."""
    try:
        address = validate_email(email, check_deliverability=False).normalized.lower()
    except EmailNotValidError as fault:
        raise InvalidField(str(fault), details=[{"field": "customer.email"}]) from None
    customer = session.scalar(select(Customer).where(Customer.email == address))
    if customer is None:
        customer = Customer(email=address, name=name)
        session.add(customer)
        session.flush()
    return customer


def hand_over_conversation(
    session: Session,
    actor: Actor,
    conversation_id: UUID,
    *,
    reason: EscalationReason,
    subject: str,
    description: str,
    labels: Labels,
    rag_confidence: float | None,
    turn_id: UUID | None = None,
) -> Ticket:
    """Give the conversation to people: its open ticket, or a new one, is escalated, and the bot falls silent."""
    conversation = session.scalar(select(Conversation).where(Conversation.id == conversation_id).with_for_update())
    if conversation is None:
        raise NotFound("No such conversation.")
    ticket = session.get(Ticket, conversation.ticket_id) if conversation.ticket_id else None
    if ticket is None or ticket.status in CLOSED:
        ticket = create_ticket(
            session,
            actor,
            subject=subject,
            description=description,
            labels=labels,
            channel=conversation.channel,
            customer_id=conversation.customer_id,
            turn_id=turn_id,
        )
        ticket.auto_resolve_attempts = _failed_attempts(session, conversation_id)
    ticket.rag_confidence = rag_confidence if rag_confidence is not None else ticket.rag_confidence
    conversation.ticket_id = ticket.id
    if conversation.holder is ConversationHolder.BOT:
        conversation.holder = ConversationHolder.WAITING
    session.flush()
    escalate_ticket(session, actor, ticket.id, reason, turn_id=turn_id)
    announce(session, "conversation.handed_over", conversation_id=conversation.id, ticket_id=ticket.id)
    return ticket


def hand_over_once(
    caller: Caller,
    call: str,
    *,
    reason: EscalationReason,
    subject: str,
    description: str,
    labels: Labels,
    rag_confidence: float | None,
) -> dict[str, Any]:
    """Hand over the caller's conversation, exactly once for the planned call; returns the ticket as JSON."""
    conversation_id = caller.actor.conversation_id
    if conversation_id is None:
        raise NotFound("There is no conversation to hand over.")

    def effect(session: Session) -> dict[str, Any]:
        ticket = hand_over_conversation(
            session,
            caller.actor,
            conversation_id,
            reason=reason,
            subject=subject,
            description=description,
            labels=labels,
            rag_confidence=rag_confidence,
            turn_id=caller.turn_id,
        )
        queue = session.get_one(Queue, ticket.queue_id)
        return {
            "ticket_id": str(ticket.id),
            "number": ticket.number,
            "queue": queue.team,
            "reason": reason.value,
            "respond_by": ticket.respond_by.isoformat() if ticket.respond_by else None,
        }

    arguments = {"reason": reason.value, "subject": subject, "priority": labels.priority.value}
    return once(caller, call, HAND_OVER, arguments, effect)


@tool(HAND_OVER)
def hand_over_tool(
    reason: str,
    subject: str,
    description: str,
    intent: str,
    category: str,
    priority: str,
    confidence: dict[str, float],
    rag_confidence: float | None,
    runtime: ToolRuntime[Caller],
) -> str:
    """Pass the conversation you are in to a person, with a ticket. Returns the ticket as JSON."""
    handed = hand_over_once(
        runtime.context,
        str(runtime.tool_call_id),
        reason=EscalationReason(reason),
        subject=subject,
        description=description,
        labels=Labels(intent, Category(category), Priority(priority), confidence),
        rag_confidence=rag_confidence,
    )
    return json.dumps(handed)


def waiting_ticket(sessions: Sessions, conversation_id: UUID) -> Ticket | None:
    """The ticket that people hold for this conversation."""
    with reading(sessions) as session:
        return session.scalar(
            select(Ticket)
            .join(Conversation, Conversation.ticket_id == Ticket.id)
            .where(Conversation.id == conversation_id)
        )


def give_feedback(session: Session, actor: Actor, message_id: UUID, *, helpful: bool, comment: str | None) -> Feedback:
    """The customer's word on an answer of the own conversation; a second word replaces the first."""
    message = session.scalar(
        select(Message).where(
            Message.id == message_id,
            Message.conversation_id == actor.conversation_id,
            Message.author == MessageAuthor.BOT,
        )
    )
    if message is None:
        raise NotFound("No such answer.")
    feedback = session.scalar(select(Feedback).where(Feedback.message_id == message_id).with_for_update())
    if feedback is None:
        feedback = Feedback(conversation_id=message.conversation_id, message_id=message_id)
        session.add(feedback)
    was_helpful = feedback.helpful
    feedback.helpful, feedback.comment = helpful, comment[:COMMENT_CHARACTERS] if comment else None
    if not helpful and was_helpful is not False:
        _count_failed_attempt(session, message.conversation_id)
    session.flush()
    return feedback


def _failed_attempts(session: Session, conversation_id: UUID) -> int:
    """Answers of the conversation that the customer has voted down, before there was a ticket to count them on."""
    votes = select(func.count()).select_from(Feedback)
    return session.scalar(votes.where(Feedback.conversation_id == conversation_id, ~Feedback.helpful)) or 0


def _count_failed_attempt(session: Session, conversation_id: UUID) -> None:
    """An answer that did not help is an auto-resolve attempt of the conversation's ticket, when it has one."""
    ticket_id = session.scalar(select(Conversation.ticket_id).where(Conversation.id == conversation_id))
    if ticket_id is not None:
        session.execute(
            update(Ticket)
            .where(Ticket.id == ticket_id)
            .values(auto_resolve_attempts=Ticket.auto_resolve_attempts + 1, version=Ticket.version + 1)
        )
