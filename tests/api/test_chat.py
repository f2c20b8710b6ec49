"""The customer's chat over HTTP."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select

from api.app import create_app
from memory.conversations import append, next_place
from memory.database import open_sessions, reading, transaction
from memory.events import announce
from memory.tables import Conversation, Customer, Feedback, Message, MessageAuthor, Ticket
from tools.conversations import COMMENT_CHARACTERS


def events_of(body: str) -> list[tuple[str, dict]]:
    """The events of a finished stream, comments left out."""
    found = []
    for block in body.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_a_conversation_from_greeting_to_cited_answer(client, begin):
    path, headers = begin()
    reply = client.post(f"{path}/messages", json={"text": "How do I reset my password?"}, headers=headers).json()

    assert set(reply) == {
        "conversation_id", "message_id", "turn_id", "text", "outcome", "confidence", "citations", "classification",
        "ticket",
    }  # fmt: skip
    assert reply["outcome"] == "answered"
    assert reply["confidence"] >= 0.85
    citation = reply["citations"][0]
    assert set(citation) == {"n", "article_id", "title", "version", "quote", "url"}
    page = client.get(citation["url"])
    assert page.status_code == 200
    assert citation["title"] in page.text

    items = client.get(f"{path}/messages", headers=headers).json()["items"]
    assert [item["author"] for item in items] == ["customer", "bot"]
    assert items[1]["id"] == reply["message_id"]
    assert items[1]["reply"]["citations"] == reply["citations"]


def test_a_streamed_answer_shows_steps_and_tokens_before_the_same_reply(client, begin):
    path, headers = begin()
    answer = client.post(
        f"{path}/messages",
        json={"text": "How do I reset my password?"},
        headers=headers | {"Accept": "text/event-stream"},
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = events_of(answer.text)
    kinds = [kind for kind, _ in events]
    assert kinds[0] == "step"
    assert kinds[-1] == "reply"
    assert "".join(data["text"] for kind, data in events if kind == "token") == events[-1][1]["text"]


def test_the_transcript_is_read_in_pages(client, begin):
    path, headers = begin()
    for text in ("hello", "thanks", "bye"):
        client.post(f"{path}/messages", json={"text": text}, headers=headers)
    seen, cursor = [], None
    while True:
        answer = client.get(
            f"{path}/messages", params={"limit": 4} | ({"cursor": cursor} if cursor else {}), headers=headers
        ).json()
        seen += [item["text"] for item in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 6
    assert seen[::2] == ["hello", "thanks", "bye"]
    assert client.get(f"{path}/messages", params={"cursor": "x"}, headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"text": ""}, 422),
        ({"text": "   "}, 422),
        ({"text": "x" * 10_001}, 422),
        ({"text": 7}, 422),
        ({}, 422),
        ({"text": "a\x00b"}, 422),
        ({"text": "hi", "client_id": ""}, 422),
    ],
)
def test_a_message_that_cannot_be_answered_is_refused_and_not_kept(client, begin, body, status):
    path, headers = begin()
    assert client.post(f"{path}/messages", json=body, headers=headers).status_code == status
    assert client.get(f"{path}/messages", headers=headers).json()["items"] == []


def test_a_refused_message_is_an_ordinary_error_even_of_a_stream(client, begin):
    path, headers = begin()
    answer = client.post(f"{path}/messages", json={"text": " "}, headers=headers | {"Accept": "text/event-stream"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_field"


def test_a_customer_is_known_by_a_normal_address_once(client, begin):
    begin(customer={"email": "Nora@Example.com", "name": "Nora"})
    begin(customer={"email": "nora@example.com"})
    assert client.post("/api/chat/conversations", json={"customer": {"email": "nora"}}).status_code == 422
    with reading(client.app.state.sessions) as session:
        assert list(session.execute(select(Customer.email, Customer.name))) == [("nora@example.com", "Nora")]


def test_fifty_posts_of_one_message_at_once_are_one_message_and_one_ticket(client, begin):
    path, headers = begin()
    with ThreadPoolExecutor(50) as threads:
        answers = list(
            threads.map(
                lambda _: client.post(
                    f"{path}/messages",
                    json={"text": "I want to talk to a human"},
                    headers=headers | {"Idempotency-Key": "one"},
                ),
                range(50),
            )
        )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["message_id"] for answer in answers}) == 1
    assert len({answer.json()["ticket"]["id"] for answer in answers}) == 1
    with reading(client.app.state.sessions) as session:
        said = select(func.count()).select_from(Message).where(Message.author == MessageAuthor.CUSTOMER)
        assert session.scalar(said) == 1
        assert session.scalar(select(func.count()).select_from(Ticket)) == 1
    other = client.post(f"{path}/messages", json={"text": "else"}, headers=headers | {"Idempotency-Key": "one"})
    assert other.status_code == 409


def test_a_repeated_start_with_one_key_is_one_conversation(client):
    with ThreadPoolExecutor(20) as threads:
        answers = list(
            threads.map(
                lambda _: client.post("/api/chat/conversations", json={}, headers={"Idempotency-Key": "start"}).json(),
                range(20),
            )
        )
    assert len({answer["id"] for answer in answers}) == 1
    changed = client.post("/api/chat/conversations", json={"channel": "api"}, headers={"Idempotency-Key": "start"})
    assert changed.status_code == 409


def test_too_many_messages_have_to_wait_and_lose_nothing(client, begin):
    path, headers = begin()
    limit = client.app.state.settings.messages_per_minute
    answers = [client.post(f"{path}/messages", json={"text": "hello"}, headers=headers) for _ in range(limit + 1)]
    assert [answer.status_code for answer in answers] == [200] * limit + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["code"] == "too_many_requests"


def test_what_staff_add_arrives_on_the_open_stream(client, begin):
    path, headers = begin()
    conversation = path.rsplit("/", 1)[1]
    sessions = client.app.state.sessions

    def speak() -> None:
        with transaction(sessions) as session:
            place = next_place(session, conversation)
            append(session, conversation, MessageAuthor.STAFF, "Hello, this is Ayesha.", position=place.last_position)
            announce(session, "conversation.message", conversation_id=conversation)
        client.app.state.hub.poke()

    speaking, ending = threading.Timer(0.5, speak), threading.Timer(1.5, client.app.state.hub.close)
    speaking.start()
    ending.start()
    body = client.get(f"{path}/stream", headers=headers).text
    ending.join()
    events = events_of(body)
    assert [kind for kind, _ in events] == ["message", "end"]
    assert (events[0][1]["author"], events[0][1]["text"]) == ("staff", "Hello, this is Ayesha.")


def test_a_vote_against_an_answer_counts_once_as_a_failed_attempt(client, begin):
    path, headers = begin()
    client.post(f"{path}/messages", json={"text": "I want to talk to a human"}, headers=headers)
    with transaction(client.app.state.sessions) as session:
        session.scalar(select(Conversation)).holder = "bot"
    answered = client.post(f"{path}/messages", json={"text": "How do I reset my password?"}, headers=headers).json()
    for _ in range(2):
        vote = client.post(
            f"{path}/feedback",
            json={"message_id": answered["message_id"], "helpful": False, "comment": "no"},
            headers=headers,
        )
        assert vote.status_code == 200
    with reading(client.app.state.sessions) as session:
        assert session.scalar(select(Ticket.auto_resolve_attempts)) == 1
        assert session.scalar(select(func.count()).select_from(Feedback)) == 1
    unknown = {"message_id": str(uuid4()), "helpful": True}
    assert client.post(f"{path}/feedback", json=unknown, headers=headers).status_code == 404
    long = {"message_id": answered["message_id"], "helpful": True, "comment": "x" * (COMMENT_CHARACTERS + 1)}
    assert client.post(f"{path}/feedback", json=long, headers=headers).status_code == 422


@pytest.mark.anyio
async def test_a_hundred_conversations_at_once_each_get_their_own_answers(ready):
    """Each customer asks about two things in turn and reads both answers in the own transcript only."""
    conversations = 100
    questions = ("How do I reset my password?", "Where do I find my invoices?")
    app = create_app(ready.model_copy(update={"conversations_per_hour": 1_000}))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=120) as client:

            async def hold(number: int) -> None:
                started = (await client.post("/api/chat/conversations", json={})).json()
                path = f"/api/chat/conversations/{started['id']}/messages"
                headers = {"Authorization": f"Bearer {started['token']}"}
                mine = questions if number % 2 else questions[::-1]
                for text in mine:
                    answer = await client.post(path, json={"text": text}, headers=headers)
                    assert answer.status_code == 200, answer.text
                    reply = answer.json()
                    assert reply["conversation_id"] == started["id"]
                    assert ("password" in reply["text"].lower()) == (text == questions[0])
                items = (await client.get(path, headers=headers)).json()["items"]
                assert [item["text"] for item in items if item["author"] == "customer"] == list(mine)
                assert [item["author"] for item in items] == ["customer", "bot"] * 2

            await asyncio.gather(*(hold(number) for number in range(conversations)))
    sessions = open_sessions(ready)
    with reading(sessions) as session:
        assert session.scalar(select(func.count()).select_from(Conversation)) == conversations
    sessions.engine.dispose()
