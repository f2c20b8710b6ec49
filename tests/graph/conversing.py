"""Talking to the support graph from a test."""

from typing import Any
from uuid import UUID

from graph.run import Support
from memory.database import transaction
from tools.conversations import begin_conversation
from tools.permissions import Actor, ActorKind


def new_conversation(support: Support, **customer: str) -> UUID:
    with transaction(support.means.sessions) as session:
        return begin_conversation(session, **customer).id


async def say(support: Support, conversation_id: UUID, text: str, client_id: str | None = None) -> dict[str, Any]:
    """The Reply to one message."""
    actor = Actor(ActorKind.CUSTOMER, conversation_id=conversation_id)
    events = [event async for event in support.say(actor, conversation_id, text, client_id=client_id)]
    assert isinstance(events[-1], dict)
    return events[-1]
