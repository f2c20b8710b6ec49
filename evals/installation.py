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
from memory.knowledge.encoder import Encoder
from memory.knowledge.search import Knowledge
from settings import Settings
from tools.ingest import ingest
from tools.permissions import SYSTEM


def evals_settings(home: Path) -> Settings:
    """Of an installation that is measured: SQLite, no language model, and no `.env` file's doing."""
    return Settings(home=home, database_url=None, llm="none", _env_file=None)


@contextmanager
def installation(
    paths: Sequence[Path] = (ARTICLES,), *, encoder: Encoder | None = None
) -> Iterator[tuple[Settings, Sessions, Knowledge]]:
    """A fresh SQLite installation whose knowledge base holds what is under `paths`; gone afterwards.

    `encoder` spares encoding what an earlier installation of this process has encoded.
    """
    with TemporaryDirectory() as folder:
        settings = evals_settings(Path(folder))
        sessions = prepare_schema(settings, lambda _: None)
        knowledge = Knowledge(settings.home / "index", encoder) if encoder else open_knowledge(settings)
        ingest(sessions, SYSTEM, knowledge, paths)
        yield settings, sessions, knowledge
        sessions.engine.dispose()


@contextmanager
def faq_installation(
    entries: Sequence[Mapping[str, Any]], *, encoder: Encoder | None = None
) -> Iterator[tuple[Sessions, Knowledge]]:
    """One whose knowledge base is a FAQ file; an entry's source is `faq.jsonl#n`, n from 1."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "faq.jsonl"
        file.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries), encoding="utf-8")
        with installation([file], encoder=encoder) as (_, sessions, knowledge):
            yield sessions, knowledge
