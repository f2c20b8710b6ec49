"""Files into the knowledge base: read, cut, encoded, indexed; a broken file is reported and the rest go in."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from memory.database import Sessions, reading, transaction
from memory.knowledge.build import is_current, rebuild
from memory.knowledge.documents import Document, Unreadable, read_documents
from memory.knowledge.search import Knowledge
from tools.articles import Put, archive_all_but, put_document
from tools.permissions import Actor

DOCUMENTS_A_TRANSACTION = 50

Progress = Callable[[str, int, int], None]
"""Called with the step (`read` or `encode`), how much of it is done, and how much there is (0: not known)."""


@dataclass(slots=True)
class IngestReport:
    articles: int = 0
    """Read and in the knowledge base now, changed or not."""
    chunks: int = 0
    """Passages of the whole knowledge base."""
    encoded: int = 0
    unchanged: int = 0
    archived: int = 0
    failed: list[Unreadable] = field(default_factory=list)


def ingest(
    sessions: Sessions,
    actor: Actor,
    knowledge: Knowledge,
    paths: Sequence[Path],
    *,
    replace: bool = False,
    progress: Progress | None = None,
) -> IngestReport:
    """Publish every document under `paths` and put a new index in use.

    Args:
        replace: withdraw every article that did not come from `paths` this time.
    """
    report = IngestReport()
    outcomes: Counter[Put] = Counter()
    sources: set[str] = set()
    readable = _only_readable(paths, report)
    while batch := list(islice(readable, DOCUMENTS_A_TRANSACTION)):
        with transaction(sessions) as session:
            for document in batch:
                put = put_document(session, actor, document, knowledge.encoder.count_tokens)
                outcomes[put.outcome] += 1
                sources.add(document.source)
        if progress is not None:
            progress("read", outcomes.total(), 0)
    if replace:
        with transaction(sessions) as session:
            report.archived = archive_all_but(session, actor, sources)
    report.articles, report.unchanged = outcomes.total(), outcomes[Put.UNCHANGED]
    built = rebuild(
        sessions,
        knowledge.encoder,
        knowledge.root,
        (lambda done, of: progress("encode", done, of)) if progress is not None else None,
    )
    report.chunks, report.encoded = built.passages, built.encoded
    return report


def refresh_index(sessions: Sessions, knowledge: Knowledge) -> bool:
    """Rebuild the index when articles have changed since it was built; returns whether it was rebuilt."""
    with reading(sessions) as session:
        if is_current(session, knowledge.encoder, knowledge.root):
            return False
    rebuild(sessions, knowledge.encoder, knowledge.root)
    return True


def _only_readable(paths: Sequence[Path], report: IngestReport) -> Iterator[Document]:
    """The documents; what cannot be read goes into the report."""
    for path in paths:
        for found in read_documents(path):
            if isinstance(found, Unreadable):
                report.failed.append(found)
            else:
                yield found
