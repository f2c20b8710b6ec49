"""Homes that hold an ingested collection and are kept, so that a second run encodes nothing.

A home is named after its collection and a digest of everything its contents depend on: the documents, the encoder, the
index format and our code that reads, cuts, stores and indexes. When one of them has changed a new home takes the old
one's place, and its vectors: only texts that are new are encoded.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import insert, select

from evals.collections import Collection
from evals.installation import evals_settings
from evals.suites import Progress
from graph.home import prepare_schema
from graph.means import open_classifier
from memory.database import Sessions, open_sessions, reading, transaction
from memory.knowledge.encoder import Encoder
from memory.knowledge.index import FORMAT
from memory.knowledge.search import Knowledge
from memory.tables import StoredVector
from settings import PROJECT, Settings
from tools.ingest import ingest
from tools.permissions import SYSTEM

CODE = ("memory/**/*.py", "tools/articles.py", "tools/ingest.py")
"""Of the schema, and of what reads, cuts and indexes."""
SEARCHES_ONLY = PROJECT / "memory" / "knowledge" / "search.py"
"""Of that code, what never changes an index."""
AGENTS = "agents/**/*.py"
DIGEST_CHARACTERS = 12
VECTORS_AT_ONCE = 1_000
DOCUMENTS = "documents"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ingested:
    """An installation whose knowledge base is a collection's."""

    settings: Settings
    sessions: Sessions
    knowledge: Knowledge


@cache
def code_digest(*patterns: str) -> str:
    """Of our files that match. Taken once a process, which goes on running what it has loaded when a file changes."""
    sums = hashlib.sha256()
    for file in sorted(file for pattern in patterns for file in PROJECT.glob(pattern)):
        if file != SEARCHES_ONLY:
            sums.update(file.read_bytes())
    return sums.hexdigest()


def home_name(collection: Collection, encoder: Encoder) -> str:
    parts = f"{collection.digest()} {encoder.id} {FORMAT} {code_digest(*CODE)}"
    return f"{collection.name}-{hashlib.sha256(parts.encode()).hexdigest()[:DIGEST_CHARACTERS]}"


def kept_home(root: Path, collection: Collection, encoder: Encoder, progress: Progress, say: Say) -> Path:
    """The collection's home under `root`, ingested first when there is none; what cannot be read is said.

    An interrupted ingest is taken up where it ended.
    """
    home = root / home_name(collection, encoder)
    root.mkdir(parents=True, exist_ok=True)
    with (root / f".{collection.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second run waits, and finds the home made
        if not home.exists():
            _make(home, collection, encoder, progress, say)
    return home


def _make(home: Path, collection: Collection, encoder: Encoder, progress: Progress, say: Say) -> None:
    building = home.with_name(f".{home.name}")
    others = [folder for folder in home.parent.iterdir() if _is_of(collection, folder) and folder != building]
    sessions = prepare_schema(evals_settings(building), lambda _: None)
    for other in others:
        _take_vectors(other, sessions, encoder)
    report = ingest(
        sessions,
        SYSTEM,
        Knowledge(building / "index", encoder),
        collection.lay_out(building / DOCUMENTS),
        progress=lambda step, done, of: progress(done, of) if step == "encode" else None,
    )
    sessions.engine.dispose()
    for failure in report.failed:
        say(f"{collection.name}: {failure.source} is left out: {failure.reason}")
    building.rename(home)
    for other in others:
        shutil.rmtree(other)
    say(
        f"{collection.name}: ingested {report.articles} articles as {report.chunks} passages "
        f"({report.encoded} texts encoded), kept in {home}"
    )


@contextmanager
def opened(home: Path, encoder: Encoder) -> Iterator[Ingested]:
    settings = evals_settings(home)
    sessions = open_sessions(settings)
    try:
        yield Ingested(settings, sessions, Knowledge(home / "index", encoder))
    finally:
        sessions.engine.dispose()


@contextmanager
def copied(home: Path, encoder: Encoder) -> Iterator[Ingested]:
    """A copy of the home that may be written to; gone afterwards."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "home"
        shutil.copytree(home, copy)
        with opened(copy, encoder) as ingested:
            yield ingested


def classifier_home(root: Path) -> Path:
    """Where the classifier that the agents' code as it is now has trained is kept."""
    return root / f"classifier-{code_digest(AGENTS)[:DIGEST_CHARACTERS]}"


def lend_classifier(root: Path, ingested: Ingested) -> None:
    """Put a trained classifier into the installation; it is trained once for the messages, encoder and code in use."""
    home = classifier_home(root)
    root.mkdir(parents=True, exist_ok=True)
    if not home.exists():
        for other in root.glob("classifier-*"):
            shutil.rmtree(other)
    open_classifier(ingested.settings.model_copy(update={"home": home}))
    shutil.copytree(home, ingested.settings.home, dirs_exist_ok=True)


def keep_only(ingested: Ingested, entries: list[str]) -> None:
    """Withdraw every entry of the collection but these, and put those back that are among them."""
    folder = ingested.settings.home / DOCUMENTS
    files = [folder / f"{name}.jsonl" for name in entries]
    ingest(ingested.sessions, SYSTEM, ingested.knowledge, files, replace=True)


def _is_of(collection: Collection, folder: Path) -> bool:
    """The folder is a home of the collection, finished or not."""
    return folder.is_dir() and folder.name.removeprefix(".").rpartition("-")[0] == collection.name


def _take_vectors(other: Path, sessions: Sessions, encoder: Encoder) -> None:
    """What another home of the same collection has encoded; a half-made one may have no tables yet."""
    if not (other / "clara.db").exists():
        return
    source = prepare_schema(evals_settings(other), lambda _: None)
    with reading(source) as known, transaction(sessions) as session:
        present = set(session.scalars(select(StoredVector.text_hash).where(StoredVector.encoder == encoder.id)))
        rows = known.execute(
            select(StoredVector.text_hash, StoredVector.encoder, StoredVector.vector)
            .where(StoredVector.encoder == encoder.id)
            .execution_options(yield_per=VECTORS_AT_ONCE)
        )
        for part in rows.partitions():
            if fresh := [row._asdict() for row in part if row.text_hash not in present]:
                session.execute(insert(StoredVector), fresh)
            present |= {row.text_hash for row in part}
    source.engine.dispose()
