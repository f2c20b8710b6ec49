"""A real server process: started, used, told to stop."""

import asyncio
import json
import signal
import socket
import time
from contextlib import suppress

import httpx
import pytest
from sqlalchemy import func, select

from memory.database import open_sessions, reading
from memory.tables import Message, MessageAuthor, Turn, TurnStatus
from tests.serving import PATIENCE, run_clara, serving

STREAMS = 50
STOPS_WITHIN = 10.0
"""Seconds from SIGTERM to the end of the process."""


def start_conversation(url: str) -> tuple[str, dict[str, str]]:
    started = httpx.post(f"{url}/api/chat/conversations", json={}).json()
    return f"{url}/api/chat/conversations/{started['id']}", {"Authorization": f"Bearer {started['token']}"}


async def read_to_the_end(client: httpx.AsyncClient, path: str, headers: dict[str, str], opened: asyncio.Event) -> str:
    body = ""
    async with client.stream("GET", f"{path}/stream", headers=headers) as answer:
        assert answer.status_code == 200
        async for text in answer.aiter_text():
            body += text
            opened.set()
    return body


async def open_streams_and_stop(server) -> tuple[list[str], list[str], float]:
    """The streams' bodies, the answers to messages sent just before, and how long the end took."""
    conversations = [start_conversation(server.url) for _ in range(STREAMS)]
    async with httpx.AsyncClient(timeout=PATIENCE, limits=httpx.Limits(max_connections=None)) as client:
        opened = [asyncio.Event() for _ in conversations]
        streams = [
            asyncio.create_task(read_to_the_end(client, *conversation, event))
            for conversation, event in zip(conversations, opened, strict=True)
        ]
        await asyncio.gather(*(event.wait() for event in opened))
        posts = [
            asyncio.create_task(client.post(f"{path}/messages", json={"text": "hello"}, headers=headers))
            for path, headers in conversations[:10]
        ]
        await asyncio.sleep(0.05)  # some are answered, some are in the middle
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        bodies = await asyncio.gather(*streams)
        answers = await asyncio.gather(*posts, return_exceptions=True)
        await asyncio.to_thread(server.process.wait, PATIENCE)
    texts = [answer.json()["text"] for answer in answers if isinstance(answer, httpx.Response)]
    return bodies, texts, time.monotonic() - started


@pytest.mark.anyio
async def test_open_streams_end_with_an_event_and_the_process_soon_after(ready):
    with serving(ready) as server:
        bodies, _, seconds = await open_streams_and_stop(server)
    assert seconds < STOPS_WITHIN
    assert len(bodies) == STREAMS
    assert all(body.rstrip().split("\n\n")[-1].startswith("event: end") for body in bodies)

    sessions = open_sessions(ready)
    with reading(sessions) as session:  # what was accepted is answered, or will be by the next process
        said = session.scalar(select(func.count()).where(Message.author == MessageAuthor.CUSTOMER))
        turns = session.scalar(select(func.count()).select_from(Turn))
        assert said == turns
        lost = select(func.count()).where(Turn.status == TurnStatus.DONE, Turn.reply_id.is_(None))
        assert session.scalar(lost) == 0
    sessions.engine.dispose()


def test_a_turn_that_a_stopped_process_left_is_answered_by_the_next(ready):
    with serving(ready, CLARA_TURN_LEASE="1") as server:
        path, headers = start_conversation(server.url)
        httpx.post(f"{path}/messages", json={"text": "hello"}, headers=headers)
        with suppress(httpx.TimeoutException):
            httpx.post(f"{path}/messages", json={"text": "thanks"}, headers=headers, timeout=0.005)
        server.stop(signal.SIGKILL)
    with serving(ready, CLARA_TURN_LEASE="1") as server:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            items = httpx.get(f"{server.url}{httpx.URL(path).path}/messages", headers=headers).json()["items"]
            if [item["author"] for item in items][-1] == "bot":
                break
            time.sleep(0.1)
        assert [item["author"] for item in items] == ["customer", "bot"] * (len(items) // 2)
        assert server.stop() == 0


@pytest.fixture
def sqlite_ready(templates, tmp_path):
    return templates.copy("sqlite", with_knowledge=True, home=tmp_path / "home")


def test_more_than_one_process_on_sqlite_is_bad_usage(sqlite_ready):
    done = run_clara(sqlite_ready, "serve", "--workers", "2")
    assert done.returncode == 2
    assert "PostgreSQL" in done.stderr


def test_a_port_in_use_is_said_at_once(sqlite_ready):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_clara(sqlite_ready, "serve", "--port", port)
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_worker_in_the_process_delivers_mail_and_a_page_says_what_is_where(sqlite_ready):
    with serving(sqlite_ready, CLARA_PASSWORD="a good long password") as server:
        schema = httpx.get(f"{server.url}/openapi.json").json()
        assert "/api/chat/conversations/{conversation_id}/messages" in schema["paths"]
        assert "Clara" in httpx.get(f"{server.url}/docs").text
        signed_in = httpx.post(
            f"{server.url}/api/auth/login", json={"email": "admin@clara.ai", "password": "a good long password"}
        )
        assert signed_in.status_code == 200
        path, headers = start_conversation(server.url)
        done = httpx.post(f"{path}/messages", json={"text": "I want to talk to a human"}, headers=headers).json()
        assert done["outcome"] == "escalated"
        assert server.stop() == 0


def test_two_processes_on_postgresql_share_the_work(templates, tmp_path):
    settings = templates.copy("postgresql", with_knowledge=True, home=tmp_path / "home")
    with serving(settings, "--workers", "2", CLARA_PASSWORD="a good long password") as server:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{server.url}/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        for _ in range(6):
            path, headers = start_conversation(server.url)
            reply = httpx.post(f"{path}/messages", json={"text": "hello"}, headers=headers, timeout=PATIENCE).json()
            assert reply["outcome"] == "smalltalk", json.dumps(reply)
        assert server.stop() == 0
