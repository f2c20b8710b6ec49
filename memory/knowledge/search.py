"""Hybrid search: what a question means and which words it uses, fused by a weighted sum.

A passage that contains no word of the query gets nothing from the keyword half: ranking zero scores too (as reciprocal
rank fusion does) was measured to cost hit@1 0.55 -> 0.33.
"""

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, local
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from errors import Unavailable
from memory.knowledge.encoder import Encoder
from memory.knowledge.index import Index, current_folder
from memory.knowledge.words import content_words
from memory.tables import Article, ArticleStatus, Chunk

TEXT_WEIGHT, NAME_WEIGHT, KEYWORD_WEIGHT = 0.75, 0.15, 0.1
"""One set for every knowledge base. Sum 1, so a score is at most 1."""
DENSE_ROWS = 100
"""Nearest windows and names that are looked at."""
KEYWORD_PASSAGES = 30
SPARE = 10
"""Passages beyond those asked for."""
QUERY_WORDS = 40
"""Words of a query that the keyword half uses, the first ones."""
TITLE_COLUMN_WEIGHT = 2.0


Floats = NDArray[np.float32]


class Scores(NamedTuple):
    """Of one passage. `text` and `name` are cosines, `keywords` is BM25 over the query's best, in 0..1."""

    fused: float
    text: float
    name: float
    """With the article's title and the headings above the passage."""
    keywords: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A published passage, as the database has it now."""

    chunk_id: UUID
    article_id: UUID
    source: str | None
    slug: str
    title: str
    version: int
    heading_path: str
    content: str
    scores: Scores

    @property
    def score(self) -> float:
        return self.scores.fused


class Knowledge:
    """The knowledge base as one process sees it; notices by itself when another has put a new index in use."""

    def __init__(self, root: Path, encoder: Encoder) -> None:
        self.root = root
        self.encoder = encoder
        self._lock = Lock()
        self._stamp: tuple[int, int] | None = None
        self._opened: _OpenIndex | None = None

    def search(self, session: Session, query: str, *, limit: int = 10) -> list[Hit]:
        """The best passages, best first.

        Raises:
            Unavailable: there is no index; an outage must not look like "nothing found".
        """
        # more than asked for: some may have been withdrawn or replaced since the index was written
        scores = self._current().best(query, self.vector(query), limit + SPARE)
        return _read_published(session, scores)[:limit]

    def vector(self, text: str) -> NDArray[np.float32]:
        """The unit vector of `text`; within a turn, and for repeated questions, it is encoded once."""
        vector: NDArray[np.float32] = self.encoder.encode([text])[0]
        return vector

    def unit_cosines(self, chunk_id: UUID, vector: NDArray[np.float32]) -> list[float]:
        """Of each unit of a passage (see `units_of`) and `vector`; empty when the index does not have the passage."""
        return self._current().unit_cosines(chunk_id, vector)

    @property
    def revision(self) -> int:
        """The knowledge revision of the index in use. Raises Unavailable when there is none."""
        return self._current().index.manifest.revision

    def _current(self) -> "_OpenIndex":
        try:
            status = os.stat(self.root / "CURRENT")  # noqa: PTH116 - once a search; the cheapest look
        except FileNotFoundError:
            raise Unavailable("There is no knowledge index yet; run `clara seed` or `clara ingest`.") from None
        stamp = (status.st_ino, status.st_mtime_ns)
        with self._lock:
            if self._opened is None or stamp != self._stamp:
                folder = current_folder(self.root)
                assert folder is not None
                self._opened, self._stamp = _OpenIndex(Index(folder), self.encoder.id), stamp
            return self._opened


class _OpenIndex:
    """An index with its keyword connections, one a thread; SQLite connections must not be shared."""

    def __init__(self, index: Index, encoder: str) -> None:
        if index.manifest.encoder != encoder:
            raise Unavailable(f"The index was made by the encoder {index.manifest.encoder}; run `clara ingest`.")
        self.index = index
        self._threads = local()

    def best(self, query: str, vector: NDArray[np.float32], limit: int) -> dict[UUID, Scores]:
        """The `limit` best passages, best first, of all that either half has found."""
        keywords = self._keyword_scores(query)
        candidates = self._candidates(vector, keywords)
        if len(candidates) == 0:
            return {}
        text, name = self._cosines_of(candidates, vector)
        words = np.array([keywords.get(passage, 0.0) for passage in candidates.tolist()])
        fused = TEXT_WEIGHT * text + NAME_WEIGHT * name + KEYWORD_WEIGHT * words
        ranked = np.argsort(-fused, kind="stable")[:limit].tolist()
        return {
            self.index.chunk_ids[candidates[n]]: Scores(
                float(fused[n]), float(text[n]), float(name[n]), float(words[n])
            )
            for n in ranked
        }

    def _candidates(self, vector: NDArray[np.float32], also: Iterable[int]) -> NDArray[np.int64]:
        """Passages with a window or a name near the vector, and those in `also`, in order."""
        index = self.index
        _, found = index.dense.search(vector[None, :], min(DENSE_ROWS, index.dense.ntotal))
        rows = found[0]
        by_window = index.window_passage[rows[(rows >= 0) & (rows < index.windows)]]
        by_name = _spread(*index.passages_of(rows[rows >= index.windows] - index.windows))
        return np.unique(np.concatenate([by_window, by_name, np.fromiter(also, np.int64)]))

    def _cosines_of(self, passages: NDArray[np.int64], vector: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Of each passage the best window's cosine, and its name's."""
        index = self.index
        first, last = index.windows_of(passages)
        windows = index.dense.reconstruct_batch(_spread(first, last)) @ vector
        text = np.maximum.reduceat(windows, np.cumsum(last - first) - (last - first))
        name = index.dense.reconstruct_batch(index.windows + index.passage_name[passages].astype(np.int64)) @ vector
        return text, name

    def unit_cosines(self, chunk_id: UUID, vector: NDArray[np.float32]) -> list[float]:
        passage = self.index.position.get(chunk_id)
        if passage is None:
            return []
        (first,), (last,) = self.index.windows_of(np.array([passage]))
        cosines = self.index.dense.reconstruct_n(int(first), int(last - first)) @ vector
        best: dict[int, float] = {}
        for unit, cosine in zip(self.index.window_unit[first:last].tolist(), cosines.tolist(), strict=True):
            best[unit] = max(cosine, best.get(unit, -1.0))
        return [best.get(unit, 0.0) for unit in range(max(best) + 1)]

    def _keyword_scores(self, query: str) -> dict[int, float]:
        words = content_words(query)[:QUERY_WORDS]
        if not words:
            return {}
        # quoted, so that nothing a customer writes is FTS5 syntax
        match = " OR ".join(f'"{word}"' for word in dict.fromkeys(words))
        rows = (
            self._keywords()
            .execute(
                "SELECT rowid, -bm25(passages, ?, 1.0, 1.0) AS score FROM passages WHERE passages MATCH ? "
                "ORDER BY score DESC LIMIT ?",
                (TITLE_COLUMN_WEIGHT, match, KEYWORD_PASSAGES),
            )
            .fetchall()
        )
        best = max((score for _, score in rows), default=0.0)
        return {passage: score / best for passage, score in rows} if best > 0 else {}

    def _keywords(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = sqlite3.connect(f"{self.index.keywords.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
            self._threads.connection = connection
        return connection


def _spread(first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """All numbers of the ranges first..last (exclusive), one range after the other."""
    lengths = last - first
    offsets = np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
    numbers: NDArray[np.int64] = np.arange(len(offsets)) + offsets
    return numbers


def _read_published(session: Session, scores: dict[UUID, Scores]) -> list[Hit]:
    """Those of `scores` that belong to the current version of a published article, best first."""
    rows = session.execute(
        select(
            Chunk.id, Article.id, Article.source, Article.slug, Article.title, Article.version,
            Chunk.heading_path, Chunk.content,
        )
        .join(Article, Article.id == Chunk.article_id)
        .where(
            Chunk.id.in_(scores), Article.status == ArticleStatus.PUBLISHED, Chunk.version == Article.version
        )
    )  # fmt: skip
    hits = [Hit(*row, scores=scores[row[0]]) for row in rows]
    return sorted(hits, key=lambda hit: (-hit.score, hit.slug, hit.chunk_id))
