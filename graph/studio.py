"""The graphs for LangGraph's own tools: `langgraph.json` points at these factories.

Those tools know nothing of our context, so a factory makes its own means and gives a graph of one node, which takes a
turn as every other door does: kept, answered, kept again.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypedDict
from uuid import UUID

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph.home import prepare_knowledge, prepare_schema
from graph.means import open_knowledge
from graph.run import open_support
from memory.database import transaction
from settings import Settings
from tools.conversations import begin_conversation
from tools.permissions import Actor, ActorKind


class StudioState(TypedDict, total=False):
    text: str
    """What the customer says."""
    conversation_id: str
    """Of the conversation to go on with; unset begins one."""
    reply: dict[str, Any]


@asynccontextmanager
async def support() -> AsyncIterator[CompiledStateGraph[StudioState]]:
    """A customer's turn, on the home that the environment names, prepared on first use."""
    settings = Settings()

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    sessions, knowledge = prepare_schema(settings, say), open_knowledge(settings)
    prepare_knowledge(settings, sessions, knowledge, say)
    async with open_support(settings, sessions, knowledge=knowledge) as runner:

        async def take_turn(state: StudioState) -> StudioState:
            conversation_id = UUID(state["conversation_id"]) if "conversation_id" in state else None
            if conversation_id is None:
                with transaction(sessions) as session:
                    conversation_id = begin_conversation(session).id
            actor = Actor(ActorKind.CUSTOMER, conversation_id=conversation_id)
            events = [event async for event in runner.say(actor, conversation_id, state["text"])]
            reply = events[-1]
            assert isinstance(reply, dict)
            return {"conversation_id": str(conversation_id), "reply": reply}

        graph = StateGraph(StudioState)
        graph.add_node(take_turn)
        graph.add_edge(START, "take_turn")
        graph.add_edge("take_turn", END)
        yield graph.compile(name="support")
