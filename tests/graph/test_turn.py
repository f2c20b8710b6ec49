"""The main job, through the real graph, saver, index and database."""

import asyncio

import pytest
from sqlalchemy import func, select

from errors import Conflict, InvalidField, NotFound
from graph.run import Step, Token
from memory.database import reading, transaction
from memory.tables import (
    Article,
    ArticleVersion,
    Citation,
    Conversation,
    ConversationHolder,
    Message,
    Ticket,
    ToolEffect,
    Turn,
    TurnStatus,
)
from tests.graph.conversing import new_conversation, say
from tools.handoff import handoff_package
from tools.permissions import SYSTEM, Actor, ActorKind

pytestmark = pytest.mark.anyio


async def test_an_answer_quotes_its_article_word_for_word(support):
    reply = await say(support, new_conversation(support), "How do I reset my password?")

    assert reply["outcome"] == "answered"
    assert reply["confidence"] >= 0.85
    assert reply["citations"]
    with reading(support.means.sessions) as session:
        for citation in reply["citations"]:
            body = session.scalar(
                select(ArticleVersion.body).where(
                    ArticleVersion.article_id == citation["article_id"], ArticleVersion.version == citation["version"]
                )
            )
            assert citation["quote"] in body
            assert f"[{citation['n']}]" in reply["text"]
        assert session.scalar(select(func.count()).select_from(Citation)) == len(reply["citations"])


async def test_what_is_not_our_business_is_refused_without_a_ticket(support):
    reply = await say(support, new_conversation(support), "What is the capital of Australia?")

    assert reply["outcome"] == "refused"
    assert reply["citations"] == []
    assert reply["ticket"] is None


async def test_a_question_of_ours_without_an_answer_goes_to_people(support):
    conversation = new_conversation(support)
    reply = await say(
        support, conversation, "My deal board shows last year's currency in every export of the Lima office"
    )
    if reply["outcome"] == "clarify":
        reply = await say(support, conversation, "The exports of our Lima office have the wrong currency symbol")

    assert reply["outcome"] == "escalated"
    assert reply["ticket"]["status"] == "escalated"


async def test_asking_for_a_person_gives_a_ticket_and_the_whole_package(support):
    conversation = new_conversation(support, email="nora@example.com", name="Nora")
    await say(support, conversation, "How do I reset my password?")
    reply = await say(support, conversation, "I want to talk to a human")

    assert reply["outcome"] == "escalated"
    with reading(support.means.sessions) as session:
        ticket = session.get_one(Ticket, reply["ticket"]["id"])
        package = handoff_package(session, SYSTEM, ticket.id)
        assert ticket.respond_by is not None
        assert ticket.resolve_by > ticket.respond_by
    assert package["reason"] == "asked_for_person"
    assert package["customer_info"]["email"] == "nora@example.com"
    assert [line["author"] for line in package["conversation_history"]] == ["customer", "bot", "customer", "bot"]
    assert package["rag_attempts"][0]["query"] == "How do I reset my password?"
    assert package["rag_attempts"][0]["passages"][0]["text"]
    assert "tool:hand_over" in [action["action"] for action in package["actions_taken"]]
    assert len(package["summary"].split()) <= 120


async def test_a_follow_up_is_read_with_the_question_before(support):
    conversation = new_conversation(support)
    await say(support, conversation, "How do I reset my password?")
    reply = await say(support, conversation, "And how long is the link valid?")

    assert reply["outcome"] in ("answered", "suggested")
    assert "60 minutes" in reply["text"]


async def test_several_questions_in_a_message_get_several_answers(support):
    reply = await say(support, new_conversation(support), "How do I reset my password? And how do I add our VAT ID?")

    assert reply["outcome"] == "answered"
    assert {"/help/reset-your-password", "/help/vat-and-taxes"} <= {citation["url"] for citation in reply["citations"]}
    assert "**How do I reset my password?**" in reply["text"]
    assert [citation["n"] for citation in reply["citations"]] == list(range(1, len(reply["citations"]) + 1))


async def test_of_several_questions_the_one_without_an_answer_is_named(support):
    text = "How do I add our VAT ID? Which colour has the bicycle shed of the mayor?"
    reply = await say(support, new_conversation(support), text)

    assert reply["outcome"] == "suggested"
    assert {citation["url"] for citation in reply["citations"]} == {"/help/vat-and-taxes"}
    assert "answer to “Which colour has the bicycle shed of the mayor?”" in reply["text"]


async def test_what_leans_on_an_answer_is_not_refused_as_not_our_business(support):
    conversation = new_conversation(support)
    await say(support, conversation, "Does the mobile app work offline?")
    reply = await say(support, conversation, "pictures too?")
    assert reply["outcome"] != "refused"


async def test_what_is_not_our_business_is_refused_after_an_answer_too(support):
    conversation = new_conversation(support)
    await say(support, conversation, "How do I reset my password?")
    reply = await say(support, conversation, "What is the capital of Australia?")
    assert (reply["outcome"], reply["ticket"]) == ("refused", None)


async def test_pleasantries_need_no_ticket_and_no_search(support):
    reply = await say(support, new_conversation(support), "hello!")
    assert (reply["outcome"], reply["ticket"], reply["citations"]) == ("smalltalk", None, [])


async def test_the_bot_waits_after_a_handover_and_is_silent_once_a_person_has_taken_over(support):
    conversation = new_conversation(support)
    await say(support, conversation, "Please connect me to a real person")
    waiting = await say(support, conversation, "Hello? Anybody?")
    assert waiting["outcome"] == "waiting_for_human"
    assert waiting["text"]

    with transaction(support.means.sessions) as session:
        session.get_one(Conversation, conversation).holder = ConversationHolder.PERSON
    taken = await say(support, conversation, "How do I reset my password?")
    assert (taken["outcome"], taken["text"]) == ("waiting_for_human", "")
    with reading(support.means.sessions) as session:
        last = session.scalar(select(Message).order_by(Message.position.desc()).limit(1))
        assert last.author == "customer"


async def test_a_second_handover_opens_no_second_ticket(support):
    conversation = new_conversation(support)
    first = await say(support, conversation, "talk to a person")
    with transaction(support.means.sessions) as session:
        session.get_one(Conversation, conversation).holder = ConversationHolder.BOT
    second = await say(support, conversation, "no really, a human please")
    assert second["ticket"]["id"] == first["ticket"]["id"]


async def test_steps_and_tokens_come_before_the_reply_and_make_up_its_text(support):
    conversation = new_conversation(support)
    actor = Actor(ActorKind.CUSTOMER, conversation_id=conversation)
    events = [event async for event in support.say(actor, conversation, "Where do I find my invoices?")]

    steps = [event.node for event in events if isinstance(event, Step)]
    assert steps[:3] == ["begin", "classify", "search_knowledge"]
    assert "".join(event.text for event in events if isinstance(event, Token)) == events[-1]["text"]


async def test_messages_sent_during_a_turn_are_answered_after_it_in_order(support):
    conversation = new_conversation(support)
    texts = ["hello", "How do I reset my password?", "Where do I find my invoices?", "thanks"]
    await asyncio.gather(*(say(support, conversation, text) for text in texts))

    with reading(support.means.sessions) as session:
        turns = list(session.scalars(select(Turn).order_by(Turn.position)))
        assert [turn.status for turn in turns] == [TurnStatus.DONE] * 4
        finished = [turn.finished_at for turn in turns]
        assert finished == sorted(finished)


async def test_a_repeated_message_is_one_message_with_one_answer(support):
    conversation = new_conversation(support)
    replies = await asyncio.gather(*(say(support, conversation, "a person please", "key-1") for _ in range(20)))

    assert len({reply["message_id"] for reply in replies}) == 1
    with reading(support.means.sessions) as session:
        assert session.scalar(select(func.count()).select_from(Message).where(Message.author == "customer")) == 1
        assert session.scalar(select(func.count()).select_from(Ticket)) == 1
        assert session.scalar(select(func.count()).select_from(ToolEffect)) == 1
    with pytest.raises(Conflict):
        await say(support, conversation, "something else", "key-1")


async def test_bad_input_gets_a_clear_error_and_leaves_nothing(support):
    conversation = new_conversation(support)
    for text in ("", "  \n ", "x" * 10_001):
        with pytest.raises(InvalidField):
            await say(support, conversation, text)
    with pytest.raises(NotFound):
        await say(support, new_conversation(support).__class__(int=7), "hello")
    with reading(support.means.sessions) as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 0


@pytest.mark.parametrize("text", ["?", "😀😀😀", "NEAR(", 'don\'t "a:b" c++ *', "ПОМОГИТЕ", "x" * 10_000, "a\x00b"])
async def test_odd_messages_are_answered(support, text):
    reply = await say(support, new_conversation(support), text)
    assert reply["text"]


async def test_a_withdrawn_article_is_not_quoted(support):
    with transaction(support.means.sessions) as session:
        article = session.scalar(select(Article).where(Article.slug == "reset-your-password"))
        article.status = "archived"
    reply = await say(support, new_conversation(support), "How do I reset my password?")
    assert article.id not in {citation["article_id"] for citation in reply["citations"]}


async def test_an_outage_of_the_index_is_said_once_and_goes_to_people(support, ready):
    (ready.home / "index" / "CURRENT").unlink()
    reply = await say(support, new_conversation(support), "How do I reset my password?")

    assert reply["outcome"] == "escalated"
    assert "can't look things up" in reply["text"]
    assert reply["ticket"]["number"]
