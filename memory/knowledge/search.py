"""Hybrid search: what a question means and which words it uses, fused by a weighted sum.

A passage that contains no word of the query gets nothing from the keyword half: ranking zero scores too (as reciprocal
rank fusion does) was measured to cost hit@1 0.55 -> 0.33.
"""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock, local
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from errors import Unavailable
from memory.knowledge.encoder import Encoder
from memory.knowledge.index import Index, current_folder, span_of, spread
from memory.knowledge.spelling import corrected
from memory.knowledge.words import Rarity, content_words
from memory.tables import Article, ArticleStatus, Chunk

WINDOW_WEIGHT, TOPIC_WEIGHT, KEYWORD_WEIGHT = 0.45, 0.47, 0.08
"""One set for every knowledge base (docs/adr/0002). Sum 1, so a score is at most 1."""
DENSE_ROWS = 200
"""Nearest vectors of any kind that are looked at."""
KEYWORD_PASSAGES = 30
SPARE = 10
"""Passages beyond those asked for."""
CONTEXT_WEIGHTS = (0.7, 0.4)
"""What the messages before a question count beside it, the newest first; a follow-up means little alone."""
CORRECTED_TEXTS = 2_048
"""Kept with their corrections."""
QUERY_WORDS = 40
"""Words of a query that the keyword half uses, the first ones."""
TITLE_COLUMN_WEIGHT = 2.0


Floats = NDArray[np.float32]


class Scores(NamedTuple):
    """Of one passage. `window`, `whole` and `name` are cosines, `keywords` is BM25 over the query's best, in 0..1."""

    fused: float
    window: float
    """With the nearest sentence or step, title and headings in front."""
    whole: float
    """With the whole passage."""
    name: float
    """With title and headings, or with the nearest question that the article is known to answer."""
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

    def search(self, session: Session, query: str, *, limit: int = 10, context: Sequence[str] = ()) -> list[Hit]:
        """The best passages, best first.

        Args:
            context: what was asked before, newest first; as many as `CONTEXT_WEIGHTS` has are read.

        Raises:
            Unavailable: there is no index; an outage must not look like "nothing found".
        """
        return self.search_each(session, [(query, context)], limit=limit)[0]

    def search_each(
        self, session: Session, questions: Sequence[tuple[str, Sequence[str]]], *, limit: int
    ) -> list[list[Hit]]:
        """The same for several queries, each with its context, in one read of the database."""
        opened = self._current()
        found = []
        for query, context in questions:
            asked = opened.corrected(query)
            vector = self.vector(asked)
            for weight, earlier in zip(CONTEXT_WEIGHTS, context, strict=False):
                vector = vector + weight * self.vector(opened.corrected(earlier))
            words = " ".join([asked, *context[: len(CONTEXT_WEIGHTS)]])
            # more than asked for: some may have been withdrawn or replaced since the index was written
            found.append(opened.best(words, vector / np.linalg.norm(vector), limit + SPARE))
        rows = _read_published(session, {chunk_id for scores in found for chunk_id in scores})
        return [_ranked(rows, scores)[:limit] for scores in found]

    def corrected(self, text: str) -> str:
        """The text with words that the knowledge base does not have replaced by the ones that were meant."""
        return self._current().corrected(text)

    @property
    def rarity(self) -> Rarity:
        return self._current().index.rarity

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
                self._opened, self._stamp = _OpenIndex(Index(folder), self.encoder), stamp
            return self._opened


class _OpenIndex:
    """An index with its keyword connections, one a thread; SQLite connections must not be shared."""

    def __init__(self, index: Index, encoder: Encoder) -> None:
        if index.manifest.encoder != encoder.id:
            raise Unavailable(f"The index was made by the encoder {index.manifest.encoder}; run `clara ingest`.")
        self.index = index
        self._encoder = encoder
        self._threads = local()
        self.corrected = lru_cache(maxsize=CORRECTED_TEXTS)(self._correct)
        """Text to text; a turn asks for the same one several times."""

    def _correct(self, text: str) -> str:
        return corrected(text, lambda word: word in self.index.words or self._encoder.knows(word), self._keywords())

    def best(self, query: str, vector: NDArray[np.float32], limit: int) -> dict[UUID, Scores]:
        """The `limit` best passages, best first, of all that either half has found."""
        keywords = self._keyword_scores(query)
        candidates = self._candidates(vector, keywords)
        if len(candidates) == 0:
            return {}
        window, whole, name = self._cosines_of(candidates, vector)
        words = np.array([keywords.get(passage, 0.0) for passage in candidates.tolist()])
        # a document without a telling title is not to lose by that
        topic = np.maximum(name, whole)
        fused = WINDOW_WEIGHT * window + TOPIC_WEIGHT * topic + KEYWORD_WEIGHT * words
        ranked = np.argsort(-fused, kind="stable")[:limit]
        columns = np.stack([fused, window, whole, name, words], axis=1)[ranked].tolist()
        return {
            self.index.chunk_ids[passage]: Scores(*row)
            for passage, row in zip(candidates[ranked].tolist(), columns, strict=True)
        }

    def _candidates(self, vector: NDArray[np.float32], also: Iterable[int]) -> NDArray[np.int64]:
        """Passages that a vector near this one speaks for, and those in `also`, in order."""
        index = self.index
        _, found = index.dense.search(vector[None, :], min(DENSE_ROWS, index.dense.ntotal))
        near = index.passages_of_rows(found[0][found[0] >= 0])
        return np.union1d(near, np.fromiter(also, np.int64))

    def _cosines_of(self, passages: NDArray[np.int64], vector: NDArray[np.float32]) -> tuple[Floats, Floats, Floats]:
        """Of each passage the best window's cosine, its own, and that of its name or its article's best question."""
        index = self.index
        first, last = index.windows_of(passages)
        windows = index.dense.reconstruct_batch(spread(first, last)) @ vector
        window = np.maximum.reduceat(windows, np.cumsum(last - first) - (last - first))
        whole = index.dense.reconstruct_batch(index.first_whole + passages) @ vector
        name = index.dense.reconstruct_batch(index.first_name + index.passage_name[passages].astype(np.int64)) @ vector
        return window, whole, np.maximum(name, self._question_cosines(index.passage_article[passages], vector))

    def _question_cosines(self, articles: NDArray[np.int32], vector: NDArray[np.float32]) -> Floats:
        """Of each article the best of its questions'; -1 for one without questions."""
        index = self.index
        distinct, back = np.unique(articles, return_inverse=True)
        first, last = span_of(index.question_article, distinct)
        best = np.full(len(distinct), -1.0, np.float32)
        asked = last > first
        if asked.any():
            first, last = first[asked], last[asked]
            cosines = index.dense.reconstruct_batch(index.first_question + spread(first, last)) @ vector
            best[asked] = np.maximum.reduceat(cosines, np.cumsum(last - first) - (last - first))
        of_each: Floats = best[back]
        return of_each

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


Published = Row[UUID, UUID, str | None, str, str, int, str, str]
"""A passage's id and the columns of `Hit` up to its content."""


def _read_published(session: Session, chunk_ids: set[UUID]) -> list[Published]:
    """Those of the passages that belong to the current version of a published article."""
    rows = session.execute(
        select(
            Chunk.id, Article.id, Article.source, Article.slug, Article.title, Article.version,
            Chunk.heading_path, Chunk.content,
        )
        .join(Article, Article.id == Chunk.article_id)
        .where(
            Chunk.id.in_(chunk_ids), Article.status == ArticleStatus.PUBLISHED, Chunk.version == Article.version
        )
    )  # fmt: skip
    return list(rows)


def _ranked(rows: Iterable[Published], scores: dict[UUID, Scores]) -> list[Hit]:
    """Those of the rows that have scores, best first."""
    hits = [Hit(*row, scores=scores[row[0]]) for row in rows if row[0] in scores]
    return sorted(hits, key=lambda hit: (-hit.score, hit.slug, hit.chunk_id))
