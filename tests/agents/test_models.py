"""Answers through a language model: checked sentence by sentence, and quoted instead when that fails."""

import pytest

from agents.models import open_writer
from graph.run import Token, open_support
from memory.database import open_sessions
from tests.agents.ollama import in_pieces, ollama, slowly
from tests.graph.conversing import new_conversation, say
from tools.permissions import Actor, ActorKind

pytestmark = pytest.mark.anyio

QUESTION = "How long is the password reset link valid?"
TRUE = "The reset link is valid for 60 minutes. [1]"
WRONG_NUMBER = "The reset link is valid for 90 minutes. [1]"
INVENTED = "You can also phone the chief executive at home on Sundays. [1]"


@pytest.fixture(params=["sqlite"])
def database_kind(request):
    """What is under test does not touch SQL."""
    return request.param


async def answers(ready, server) -> tuple[dict, list[str]]:
    """The Reply to QUESTION, and the tokens that were shown before it."""
    settings = ready.model_copy(update={"llm": "ollama:llama3.1:8b", "ollama_url": server.url, "llm_timeout": 2.0})
    sessions = open_sessions(settings)
    async with open_support(settings, sessions) as support:
        conversation = new_conversation(support)
        actor = Actor(ActorKind.CUSTOMER, conversation_id=conversation)
        events = [event async for event in support.say(actor, conversation, QUESTION)]
    sessions.engine.dispose()
    return events[-1], [event.text for event in events if isinstance(event, Token)]


async def test_a_supported_sentence_is_shown_with_the_quote_that_carries_it(ready):
    with ollama(lambda _: in_pieces(TRUE)) as server:
        reply, shown = await answers(ready, server)

    assert reply["text"] == "The reset link is valid for 60 minutes. [1]"
    assert "60 minutes" in reply["citations"][0]["quote"]
    assert "60 minutes" in "".join(shown)
    assert "60 minutes" in str(server.requests[0]["messages"])


@pytest.mark.parametrize("text", [WRONG_NUMBER, INVENTED, "NO ANSWER", "", "Valid for 60 minutes. [99]"])
async def test_what_the_passages_do_not_say_is_never_shown(ready, text):
    with ollama(lambda _: in_pieces(text)) as server:
        reply, shown = await answers(ready, server)

    assert len(server.requests) == 1
    assert reply["outcome"] in ("answered", "suggested")
    assert all(said not in reply["text"] + "".join(shown) for said in ("90 minutes", "chief executive", "NO ANSWER"))
    assert all(citation["quote"] in reply["text"] for citation in reply["citations"])


async def test_a_slow_model_is_not_waited_for(ready):
    with ollama(lambda _: slowly(TRUE, seconds=4)) as server:
        reply, _ = await answers(ready, server)
    assert reply["outcome"] in ("answered", "suggested")
    assert reply["citations"][0]["quote"] in reply["text"]


async def test_a_model_that_is_not_there_is_done_without(ready):
    with ollama(lambda _: in_pieces(TRUE)) as server:
        url = server.url
    settings = ready.model_copy(update={"llm": "ollama:llama3.1:8b", "ollama_url": url})
    sessions = open_sessions(settings)
    async with open_support(settings, sessions) as support:
        reply = await say(support, new_conversation(support), QUESTION)
    sessions.engine.dispose()
    assert reply["outcome"] in ("answered", "suggested")


async def test_auto_takes_ollama_only_when_it_answers(ready, encoder):
    with ollama(lambda _: in_pieces(TRUE)) as server:
        found = ready.model_copy(update={"llm": "auto", "ollama_url": server.url})
        assert open_writer(found, encoder) is not None
    assert open_writer(found, encoder) is None
