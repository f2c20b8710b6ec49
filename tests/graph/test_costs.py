"""What a turn costs, in counters that do not depend on the machine: commits, statements, bytes, modules."""

import asyncio
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import aiosqlite
import pytest
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncCursor
from sqlalchemy import event, func, insert, select, text

from memory.database import reading, transaction
from memory.tables import Conversation, Message, MessageAuthor, Turn, TurnStatus
from settings import PROJECT
from tests.graph.conversing import new_conversation, say

pytestmark = pytest.mark.anyio

MOST_COMMITS, MOST_STATEMENTS, MOST_BYTES = 4, 16, 4_096
"""Of one plain turn, the saver's and the keyword search's included; BEGIN, COMMIT and PRAGMA are no statements."""
SILENT = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SAVEPOINT", "RELEASE", "--")
"""The last is what SQLite traces of a virtual table's own reading."""
PLAIN_QUESTIONS = ("How do I reset my password?", "Where do I find my invoices?", "How do I change my e-mail address?")


@dataclass
class Costs:
    commits: int = 0
    statements: list[str] = field(default_factory=list)
    """The beginning of each, in order."""

    def clear(self) -> None:
        self.commits, self.statements = 0, []

    def statement(self, sql: str) -> None:
        words = sql.split()
        if words and words[0].upper() not in SILENT:
            self.statements.append(" ".join(words[:6]))


@contextmanager
def counted(support, monkeypatch):
    """Count what SQLAlchemy, the saver's own driver and the keyword index are asked.

    Begin with a turn that is not counted: the keyword index is opened once by each thread, so there is only one here.
    """
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    costs = Costs()
    engine = support.means.sessions.engine

    def executed(_connection, _cursor, statement, *_):
        costs.statement(statement)

    def committed(_connection):
        costs.commits += 1

    event.listen(engine, "before_cursor_execute", executed)
    event.listen(engine, "commit", committed)
    with monkeypatch.context() as patch:
        count_saver(support.graph.checkpointer, costs, patch)
        count_keyword_search(costs, patch)
        yield costs
    event.remove(engine, "before_cursor_execute", executed)
    event.remove(engine, "commit", committed)


def count_saver(saver, costs, monkeypatch) -> None:
    if isinstance(saver, AsyncPostgresSaver):  # autocommit: each statement that writes is a commit
        for name in ("execute", "executemany"):
            plain = getattr(AsyncCursor, name)

            def counting(self, query, *arguments, plain=plain, **named):
                costs.statement(str(query))
                costs.commits += str(query).lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))
                return plain(self, query, *arguments, **named)

            monkeypatch.setattr(AsyncCursor, name, counting)
        return
    connection: aiosqlite.Connection = saver.conn
    for name in ("execute", "executemany"):
        plain = getattr(connection, name)

        def counting(sql, *arguments, plain=plain):
            costs.statement(sql)
            return plain(sql, *arguments)

        monkeypatch.setattr(connection, name, counting)
    commit = connection.commit

    async def counting_commit():
        if connection.in_transaction:
            costs.commits += 1
        await commit()

    monkeypatch.setattr(connection, "commit", counting_commit)


def count_keyword_search(costs, monkeypatch) -> None:
    connect = sqlite3.connect

    def connect_and_trace(*arguments, **named):
        connection = connect(*arguments, **named)
        if "keywords.db" in str(arguments[0]):
            connection.set_trace_callback(costs.statement)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_and_trace)


def kept_bytes(support, conversation) -> int:
    """Of the conversation's transcript and checkpoints, by the rows' contents."""
    with reading(support.means.sessions) as session:
        rows = session.execute(select(Message.text, Message.reply).where(Message.conversation_id == conversation))
        return sum(len(said.encode()) + len(str(reply or "")) for said, reply in rows)


async def checkpoint_bytes(support, conversation) -> int:
    saver = support.graph.checkpointer
    total = 0
    async for found in saver.alist({"configurable": {"thread_id": str(conversation)}}):
        total += len(saver.serde.dumps_typed(found.checkpoint)[1]) + len(str(found.metadata))
        total += sum(len(saver.serde.dumps_typed(value)[1]) for _, _, value in found.pending_writes or [])
    return total


def fill(support, conversation, turns: int) -> None:
    """Give the conversation a past of so many finished turns."""
    with transaction(support.means.sessions) as session:
        first = session.scalar(select(Conversation.last_position).where(Conversation.id == conversation))
        for number in range(turns):
            position = first + 2 * number + 1
            asked, answered = uuid4(), uuid4()
            session.execute(
                insert(Message),
                [
                    {"id": asked, "conversation_id": conversation, "position": position,
                     "author": MessageAuthor.CUSTOMER, "text": "And another thing?"},
                    {"id": answered, "conversation_id": conversation, "position": position + 1,
                     "author": MessageAuthor.BOT, "text": "Here you are."},
                ],
            )  # fmt: skip
            session.execute(
                insert(Turn).values(
                    conversation_id=conversation, position=position, message_id=asked, reply_id=answered,
                    status=TurnStatus.DONE,
                )
            )  # fmt: skip
        session.get_one(Conversation, conversation).last_position = first + 2 * turns


async def test_a_plain_turn_is_few_commits_few_statements_and_few_bytes(support, monkeypatch):
    conversation = new_conversation(support)
    with counted(support, monkeypatch) as costs:
        await say(support, conversation, PLAIN_QUESTIONS[0])
        before = kept_bytes(support, conversation) + await checkpoint_bytes(support, conversation)
        costs.clear()
        reply = await say(support, conversation, PLAIN_QUESTIONS[1])
        commits, statements = costs.commits, list(costs.statements)
    after = kept_bytes(support, conversation) + await checkpoint_bytes(support, conversation)

    assert reply["outcome"] in ("answered", "suggested")
    assert 3 <= commits <= MOST_COMMITS
    assert 8 <= len(statements) <= MOST_STATEMENTS
    assert 500 < after - before <= MOST_BYTES


async def test_turn_200_costs_what_turn_5_costs(support, monkeypatch):
    costs_at, bytes_at = {}, {}
    with counted(support, monkeypatch) as costs:
        for turns in (4, 199):
            conversation = new_conversation(support)
            await say(support, conversation, PLAIN_QUESTIONS[2])  # so that both have a checkpoint
            fill(support, conversation, turns - 1)
            before = kept_bytes(support, conversation) + await checkpoint_bytes(support, conversation)
            costs.clear()
            await say(support, conversation, PLAIN_QUESTIONS[1])
            costs_at[turns] = costs.commits, list(costs.statements)
            after = kept_bytes(support, conversation) + await checkpoint_bytes(support, conversation)
            bytes_at[turns] = after - before
            with reading(support.means.sessions) as session:
                done = session.scalar(select(func.count()).where(Turn.conversation_id == conversation))
                assert done == turns + 1

    assert costs_at[4] == costs_at[199]
    assert abs(bytes_at[199] - bytes_at[4]) <= 0.05 * bytes_at[4]


async def test_the_turns_statements_use_indexes(support):
    """Looking for work to do must not walk through all turns there ever were."""
    if support.means.settings.is_sqlite:
        with reading(support.means.sessions) as session:
            plan = session.execute(
                text(
                    "EXPLAIN QUERY PLAN SELECT id FROM turns WHERE status IN ('running', 'queued') AND lease_until < 1"
                )
            ).all()
        assert "USING INDEX" in str(plan)


def test_an_answer_loads_no_heavy_library(ready):
    """Each of these costs seconds or hundreds of megabytes."""
    code = """
import asyncio, sys
from pathlib import Path
from graph.run import open_support
from memory.database import open_sessions
from settings import Settings
from tests.graph.conversing import new_conversation, say

async def main():
    settings = Settings(home=Path(sys.argv[1]), database_url=sys.argv[2] or None, _env_file=None)
    async with open_support(settings, open_sessions(settings)) as support:
        reply = await say(support, new_conversation(support), "How do I reset my password?")
        assert reply["citations"]

asyncio.run(main())
heavy = {"torch", "sentence_transformers", "sklearn", "langchain_community"} & set(sys.modules)
print("heavy:", sorted(heavy))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(ready.home), ready.database_url or ""],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "heavy: []"
