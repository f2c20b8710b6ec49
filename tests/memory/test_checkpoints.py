"""The checkpoint store: nothing in it runs, and what no turn can need is dropped."""

import os
import pickle
from datetime import timedelta

import ormsgpack
import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from memory.tables.base import utc_now
from tests.graph.conversing import new_conversation, say

pytestmark = pytest.mark.anyio


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def crafted(kind: str, path) -> tuple[str, bytes]:
    """A stored value that would touch `path` if reading it ran what it says."""
    if kind == "pickle":
        return "pickle", pickle.dumps(Bomb(path))
    # what the serializer writes for objects it rebuilds by calling: module, name, arguments, method
    call = ormsgpack.packb(("os", "system", f"touch {path}"))
    return "msgpack", ormsgpack.packb({"v": 4, "id": "x", "channel_values": {"topic": ormsgpack.Ext(0, call)}})


@pytest.mark.parametrize("kind", ["pickle", "msgpack"])
async def test_a_crafted_row_runs_nothing(support, tmp_path, kind):
    conversation = new_conversation(support)
    await say(support, conversation, "hello")
    target = tmp_path / "touched"
    type_, blob = crafted(kind, target)
    saver = support.graph.checkpointer
    if isinstance(saver, AsyncSqliteSaver):
        await saver.conn.execute("UPDATE checkpoints SET type = ?, checkpoint = ?", (type_, blob))
        await saver.conn.commit()
    else:
        async with saver.conn.connection() as connection:
            await connection.execute(
                "INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob) "
                "SELECT thread_id, checkpoint_ns, channel, version, %s, %s FROM "
                "(SELECT thread_id, checkpoint_ns, key AS channel, value AS version FROM checkpoints, "
                "jsonb_each_text(checkpoint->'channel_versions')) AS versions "
                "ON CONFLICT (thread_id, checkpoint_ns, channel, version) "
                "DO UPDATE SET type = EXCLUDED.type, blob = EXCLUDED.blob",
                (type_, blob),
            )

    reply = await say(support, conversation, "How do I reset my password?")

    assert reply["text"]  # an answer, or a handover when the state could not be read
    assert not target.exists()


async def count(saver) -> dict[str, int]:
    tables = ("checkpoints", "writes") if isinstance(saver, AsyncSqliteSaver) else ("checkpoints", "checkpoint_writes")
    found = {}
    for table in tables:
        if isinstance(saver, AsyncSqliteSaver):
            async with saver.conn.execute(f"SELECT count(*) FROM {table}") as rows:
                found[table] = (await rows.fetchone())[0]
        else:
            async with saver.conn.connection() as connection:
                rows = await connection.execute(f"SELECT count(*) AS n FROM {table}")
                found[table] = (await rows.fetchone())["n"]
    return found


async def test_only_the_newest_checkpoint_of_a_quiet_conversation_is_kept(support):
    conversation = new_conversation(support)
    for text in ("How do I reset my password?", "hello", "Where do I find my invoices?"):
        await say(support, conversation, text)
    saver = support.graph.checkpointer
    assert (await count(saver))["checkpoints"] == 3

    await support.prune(utc_now() - timedelta(hours=1))

    after = await count(saver)
    assert after["checkpoints"] == 1
    follow_up = await say(support, conversation, "And how do I change them?")
    assert follow_up["text"]
    state = await support.graph.aget_state({"configurable": {"thread_id": str(conversation)}})
    assert state.values["turn_id"] == follow_up["turn_id"]
