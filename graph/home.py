"""Brings a home to where it can answer: schema, foundations, help centre, index. What is there is left alone."""

from collections.abc import Callable

from sqlalchemy import select

from graph.means import open_classifier
from memory.database import Sessions, open_sessions, reading, transaction
from memory.knowledge.search import Knowledge
from memory.migrations import migrate
from memory.tables import Article
from settings import KB_DATA, Settings
from tools.foundations import lay_foundations
from tools.ingest import ingest, refresh_index
from tools.permissions import SYSTEM

ARTICLES = KB_DATA / "articles"

Say = Callable[[str], None]


def prepare_schema(settings: Settings, say: Say) -> Sessions:
    """A migrated and founded database; `say` is told what had to be done."""
    settings.home.mkdir(parents=True, exist_ok=True)
    sessions = open_sessions(settings)
    if migrate(sessions.engine):
        say("Migrated the database.")
    with transaction(sessions) as session:
        if lay_foundations(session):
            say("Added roles, permissions, queues and SLAs.")
    return sessions


def prepare_knowledge(settings: Settings, sessions: Sessions, knowledge: Knowledge, say: Say) -> None:
    """A knowledge base with a current index: the help centre of `kb_data` when there is no article at all."""
    with reading(sessions) as session:
        is_empty = session.scalar(select(Article.id).limit(1)) is None
    if is_empty:
        report = ingest(sessions, SYSTEM, knowledge, [ARTICLES])
        say(f"Added the help centre: {report.articles} articles, {report.chunks} passages.")
    elif refresh_index(sessions, knowledge):
        say("Rebuilt the knowledge index.")
    open_classifier(settings, say)
