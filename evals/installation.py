"""A throw-away installation with a knowledge base of one's own, and the same graph as any other."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from graph.home import ARTICLES, prepare_schema
from graph.means import open_knowledge
from memory.database import Sessions
from memory.knowledge.search import Knowledge
from settings import Settings
from tools.ingest import ingest
from tools.permissions import SYSTEM


@contextmanager
def installation(paths: Sequence[Path] = (ARTICLES,)) -> Iterator[tuple[Settings, Sessions, Knowledge]]:
    """A fresh SQLite installation whose knowledge base holds what is under `paths`; gone afterwards."""
    with TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), database_url=None, llm="none", _env_file=None)
        sessions = prepare_schema(settings, lambda _: None)
        knowledge = open_knowledge(settings)
        ingest(sessions, SYSTEM, knowledge, paths)
        yield settings, sessions, knowledge
        sessions.engine.dispose()


@contextmanager
def faq_installation(entries: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Sessions, Knowledge]]:
    """One whose knowledge base is a FAQ file; an entry's source is `faq.jsonl#n`, n from 1."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "faq.jsonl"
        file.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries), encoding="utf-8")
        with installation([file]) as (_, sessions, knowledge):
            yield sessions, knowledge
