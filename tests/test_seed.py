"""The guide's own four tests, through public operations."""

import pytest
from sqlalchemy import select

from graph.means import open_knowledge, open_means
from memory.database import open_sessions
from memory.tables import Category, Priority, Queue
from tests.graph.conversing import new_conversation, say
from tools.escalation import Signals, first_match, should_escalate
from tools.permissions import SYSTEM
from tools.tickets import Labels, create_ticket


def classify(means, subject, body):
    text = f"{subject}\n{body}"
    return means.classifier.classify(text, means.knowledge.vector(text))


@pytest.fixture
def means(ready):
    opened = open_sessions(ready)
    yield open_means(ready, opened, open_knowledge(ready))
    opened.engine.dispose()


def test_ticket_creation(means):
    found = classify(means, "Can't login", "I've been locked out of my account")
    with means.sessions.write() as session:
        ticket = create_ticket(
            session,
            SYSTEM,
            subject="Can't login",
            description="I've been locked out of my account",
            channel="email",
            labels=Labels(found.intent, Category(found.category), Priority(found.priority), found.confidence),
        )
        assert ticket.status == "open"
        assert ticket.category in ("technical", "billing", "general")
        assert session.scalar(select(Queue.team).where(Queue.id == ticket.queue_id)) == "support_tier1"
        assert ticket.respond_by > ticket.created_at


def test_classification(means):
    found = classify(means, "Password reset", "I forgot my password and need to reset it")
    assert found.category == "technical"
    assert found.intent in ("password_reset", "login_issue")
    assert found.confidence["category"] > 0.7


@pytest.mark.anyio
async def test_rag_answer(support):
    reply = await say(support, new_conversation(support), "How do I reset my password?")
    assert reply["confidence"] > 0.5
    assert len(reply["citations"]) > 0
    assert "password" in reply["text"].lower()


def test_escalation():
    ticket = Signals(
        customer_vip=False,
        priority="urgent",
        category="technical",
        sla_used=0.0,
        rag_confidence=0.5,
        auto_resolve_attempts=0,
    )
    assert should_escalate(ticket) is True
    assert first_match(ticket).queue == "support_tier2"  # in order, first match wins: low confidence comes first
