"""The package a person receives with an escalated ticket: nothing that was said or tried is lost.

It is assembled from the tables each time it is read, so it cannot be out of date or cut short.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from memory.tables import (
    Article,
    Chunk,
    Conversation,
    Customer,
    Message,
    MessageAuthor,
    Queue,
    Sla,
    Ticket,
    TicketHistory,
    ToolEffect,
    Turn,
)
from memory.tables.base import utc_now
from tools.permissions import Actor, Permission, require
from tools.sla import share_used
from tools.tickets import get_ticket

SUMMARY_WORDS = 120
ACTIONS = ("created", "updated", "auto_resolve_attempt", "escalated")
"""History entries that are shown as what was done."""


def handoff_package(session: Session, actor: Actor, ticket_id: UUID) -> dict[str, Any]:
    """Everything about a ticket, as JSON: the guide's keys, and what a person asks next."""
    require(actor, Permission.TICKETS_VIEW)
    ticket = get_ticket(session, actor, ticket_id)
    conversations = list(session.scalars(select(Conversation).where(Conversation.ticket_id == ticket.id)))
    ids = [conversation.id for conversation in conversations]
    messages = list(
        session.scalars(
            select(Message).where(Message.conversation_id.in_(ids)).order_by(Message.created_at, Message.position)
        )
    )
    turns = list(session.scalars(select(Turn).where(Turn.conversation_id.in_(ids)).order_by(Turn.created_at)))
    history = list(
        session.scalars(
            select(TicketHistory).where(TicketHistory.ticket_id == ticket.id).order_by(TicketHistory.created_at)
        )
    )
    attempts = _attempts(session, [turn for turn in turns if turn.retrieval])
    questions = [message.text for message in messages if message.author is MessageAuthor.CUSTOMER]
    open_questions = _open_questions(messages, turns)
    return {
        "ticket_info": _ticket_info(session, ticket),
        "classification": {
            "intent": ticket.intent,
            "category": ticket.category.value,
            "priority": ticket.priority.value,
            "confidence": ticket.facts.get("classification_confidence"),
        },
        "customer_info": _customer_info(session, ticket),
        "conversation_history": [_line(message) for message in messages],
        "rag_attempts": attempts,
        "actions_taken": _actions(history, _effects(session, turns)),
        "reason": ticket.facts.get("escalation_reason"),
        "rule": ticket.facts.get("escalation_rule"),
        "summary": _summary(ticket, questions, attempts),
        "open_questions": open_questions,
        "suggested_reply": _suggested_reply(attempts),
        "sla": _sla(session, ticket, utc_now()),
    }


def _ticket_info(session: Session, ticket: Ticket) -> dict[str, Any]:
    return {
        "id": str(ticket.id),
        "number": ticket.number,
        "subject": ticket.subject,
        "description": ticket.description,
        "status": ticket.status.value,
        "queue": session.scalar(select(Queue.team).where(Queue.id == ticket.queue_id)),
        "channel": ticket.channel.value,
        "created_at": ticket.created_at.isoformat(),
    }


def _customer_info(session: Session, ticket: Ticket) -> dict[str, Any]:
    customer = session.get(Customer, ticket.customer_id) if ticket.customer_id else None
    if customer is None:
        return {}
    return {
        "id": str(customer.id),
        "name": customer.name,
        "email": customer.email,
        "company": customer.company,
        "phone": customer.phone,
        "vip": customer.vip,
        "locale": customer.locale,
        "time_zone": customer.time_zone,
    }


def _line(message: Message) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "author": message.author.value,
        "text": message.text,
        "created_at": message.created_at.isoformat(),
        "reply": message.reply,
    }


def _attempts(session: Session, turns: list[Turn]) -> list[dict[str, Any]]:
    """Each question to the knowledge base: query, passages with texts and scores, and what came of it."""
    passages = [passage for turn in turns for passage in (turn.retrieval or {})["passages"]]
    chunks = {
        str(chunk.id): chunk
        for chunk in session.scalars(select(Chunk).where(Chunk.id.in_([UUID(p["chunk_id"]) for p in passages])))
    }
    articles = {
        str(article.id): article
        for article in session.scalars(select(Article).where(Article.id.in_([UUID(p["article_id"]) for p in passages])))
    }
    return [
        {
            "turn_id": str(turn.id),
            "asked_at": turn.created_at.isoformat(),
            "query": (turn.retrieval or {})["query"],
            "confidence": turn.confidence,
            "outcome": turn.outcome,
            "passages": [
                _passage(passage, chunks.get(passage["chunk_id"]), articles.get(passage["article_id"]))
                for passage in (turn.retrieval or {})["passages"]
            ],
        }
        for turn in turns
    ]


def _passage(found: dict[str, Any], chunk: Chunk | None, article: Article | None) -> dict[str, Any]:
    """A passage as it was found; without its text when the article has been rewritten or deleted since."""
    return {
        **found,
        "title": article.title if article else None,
        "url": f"/help/{article.slug}" if article else None,
        "heading": chunk.heading_path if chunk else None,
        "text": chunk.content if chunk else None,
    }


def _effects(session: Session, turns: list[Turn]) -> list[ToolEffect]:
    return list(
        session.scalars(
            select(ToolEffect)
            .where(ToolEffect.turn_id.in_([turn.id for turn in turns]))
            .order_by(ToolEffect.created_at, ToolEffect.ordinal)
        )
    )


def _actions(history: list[TicketHistory], effects: list[ToolEffect]) -> list[dict[str, Any]]:
    done: list[dict[str, Any]] = [
        {"action": entry.action, "timestamp": entry.created_at.isoformat(), "details": entry.comment}
        for entry in history
        if entry.action in ACTIONS
    ]
    done += [
        {
            "action": f"tool:{effect.tool}",
            "timestamp": effect.created_at.isoformat(),
            "details": {"arguments": effect.arguments, "result": effect.result},
        }
        for effect in effects
    ]
    return sorted(done, key=lambda action: str(action["timestamp"]))


def _open_questions(messages: list[Message], turns: list[Turn]) -> list[str]:
    """What the customer asked and got no answer to, in order."""
    text = {message.id: message.text for message in messages}
    return [text[turn.message_id] for turn in turns if turn.outcome in ("clarify", "escalated", "waiting_for_human")]


def _summary(ticket: Ticket, questions: list[str], attempts: list[dict[str, Any]]) -> str:
    """At most SUMMARY_WORDS words, of facts only."""
    shown = [attempt for attempt in attempts if attempt["outcome"] in ("answered", "suggested")]
    parts = [f"{ticket.category.value.capitalize()} request, priority {ticket.priority.value}."]
    if questions:
        parts.append(f"The customer wrote {len(questions)} message{'s' if len(questions) != 1 else ''}.")
    parts.append(f"The bot looked in the knowledge base {len(attempts)} time{'s' if len(attempts) != 1 else ''}")
    parts[-1] += f" and showed {len(shown)} answer{'s' if len(shown) != 1 else ''}."
    parts += [f"Last: “{text}”" for text in questions[-1:]]
    words = " ".join(parts).split()
    return " ".join(words) if len(words) <= SUMMARY_WORDS else " ".join(words[: SUMMARY_WORDS - 1]) + " …"


def _suggested_reply(attempts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The best passage found for the latest question, for a person to judge; None when nothing was found."""
    passages = attempts[-1].get("passages") if attempts else None
    if not passages or passages[0]["text"] is None:
        return None
    best = passages[0]
    return {"text": best["text"], "citations": [{key: best[key] for key in ("article_id", "title", "version", "url")}]}


def _sla(session: Session, ticket: Ticket, now: datetime) -> dict[str, Any]:
    sla = session.get(Sla, ticket.sla_id) if ticket.sla_id else None
    return {
        "name": sla.name if sla else None,
        "respond_by": ticket.respond_by.isoformat() if ticket.respond_by else None,
        "resolve_by": ticket.resolve_by.isoformat() if ticket.resolve_by else None,
        "first_responded_at": ticket.first_responded_at.isoformat() if ticket.first_responded_at else None,
        "used": round(share_used(ticket, now), 4),
    }
