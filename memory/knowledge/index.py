"""One immutable folder a version: FAISS vectors, an FTS5 file and the ids they stand for.

`CURRENT` names the version in use and is replaced by one rename, so that a reader sees the old index or the new one,
never a mixture. The same files serve SQLite and PostgreSQL; what a hit says is always read from the database.
"""

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Set
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import faiss
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from errors import Unavailable
from memory.knowledge.encoder import Vectors
from memory.knowledge.words import Rarity, stems, words

LONGEST_WORD = 30
"""Letters; what is longer is no word that somebody misspells."""
FORMAT = 4
"""Raised when the files change their meaning; an index of another format is built anew."""


@dataclass(frozen=True, slots=True)
class Manifest:
    format: int
    encoder: str
    revision: int
    """The knowledge revision (see `articles.knowledge_revision`) that the index was built from."""
    articles: int
    passages: int


@dataclass(frozen=True, slots=True)
class IndexedPassage:
    """What the index must know of a passage."""

    chunk_id: UUID
    article: int
    """Position of its article among those with passages, ascending."""
    name: int
    """Position of its name in `IndexContent.names`, ascending."""
    title: str
    heading_path: str
    content: str


@dataclass(frozen=True, slots=True)
class IndexContent:
    """Everything that goes into an index; vectors are unit rows."""

    articles: int
    names: list[str]
    """Titles with the headings below them: what passages are called. Passages of one section share a name."""
    name_vectors: Vectors
    question_vectors: Vectors
    """Of the questions that articles are known to answer."""
    question_article: NDArray[np.int32]
    """The article that each question belongs to, ascending."""
    passages: list[IndexedPassage]
    whole_vectors: Vectors
    """One a passage: its text without title and headings, as much of it as the encoder reads."""
    window_vectors: Vectors
    window_passage: NDArray[np.int32]
    """The passage that each window belongs to, ascending."""
    window_unit: NDArray[np.int32]
    """The unit of that passage (see `units_of`), ascending within it."""


class Index:
    """A loaded version. Rows of `dense` are the windows, then the whole passages, the names and the questions."""

    def __init__(self, folder: Path) -> None:
        # A search is over in less time than helper threads take to wake up, and they spin while they wait: with two of
        # FAISS's and numpy's it took 9 ms and 18 ms of processor time, with one 3.5 and 3.5.
        threadpool_limits(1)
        self.manifest = read_manifest(folder)
        self.dense: faiss.Index = faiss.read_index(str(folder / "dense.faiss"))
        with np.load(folder / "ids.npz", allow_pickle=False) as arrays:
            self.chunk_ids = [UUID(bytes=row.tobytes()) for row in arrays["chunk_ids"]]
            self.passage_name: NDArray[np.int32] = arrays["passage_name"]
            self.passage_article: NDArray[np.int32] = arrays["passage_article"]
            self.question_article: NDArray[np.int32] = arrays["question_article"]
            self.window_passage: NDArray[np.int32] = arrays["window_passage"]
            self.window_unit: NDArray[np.int32] = arrays["window_unit"]
            self.rarity = Rarity(
                len(self.chunk_ids),
                dict(zip(arrays["stems"].tolist(), arrays["stem_passages"].tolist(), strict=True)),
            )
            self.words: Set[str] = frozenset(arrays["words"].tolist())
            """Every word of the passages."""
        self.position = {chunk_id: position for position, chunk_id in enumerate(self.chunk_ids)}
        self.keywords = folder / "keywords.db"

        self.first_whole = len(self.window_passage)
        self.first_name = self.first_whole + len(self.chunk_ids)
        self.first_question = self.dense.ntotal - len(self.question_article)

    def passages_of_rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """All passages that any of these rows of `dense` speaks for, in order."""
        kinds = np.split(np.sort(rows), np.searchsorted(np.sort(rows), self._borders))
        windows, wholes, names, questions = kinds
        articles = self.question_article[questions - self.first_question]
        return np.unique(
            np.concatenate(
                [
                    self.window_passage[windows].astype(np.int64),
                    wholes - self.first_whole,
                    spread(*span_of(self.passage_name, names - self.first_name)),
                    spread(*span_of(self.passage_article, articles)),
                ]
            )
        )

    def windows_of(self, passages: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each passage the first of its windows, and the one behind the last; every passage has one."""
        return span_of(self.window_passage, passages)

    @property
    def _borders(self) -> list[int]:
        return [self.first_whole, self.first_name, self.first_question]


def span_of(owners: NDArray[np.int32], wanted: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each of `wanted` stands in the ascending `owners`: its first position, and the one behind its last."""
    return np.searchsorted(owners, wanted), np.searchsorted(owners, wanted, "right")


def spread(first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """All numbers of the ranges first..last (exclusive), one range after the other."""
    lengths = last - first
    offsets = np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
    numbers: NDArray[np.int64] = np.arange(len(offsets)) + offsets
    return numbers


def current_folder(root: Path) -> Path | None:
    """The version in use under `root`, or None before the first."""
    try:
        return root / (root / "CURRENT").read_text().strip()
    except FileNotFoundError:
        return None


def read_manifest(folder: Path) -> Manifest:
    """Raises Unavailable when the index is of another format."""
    manifest = Manifest(**json.loads((folder / "manifest.json").read_text()))
    if manifest.format != FORMAT:
        raise Unavailable("The knowledge index is of another version of Clara; run `clara ingest` or restart.")
    return manifest


def write_index(root: Path, content: IndexContent, *, encoder: str, revision: int) -> Path:
    """Write a new version beside the current one and put it in use; returns its folder.

    A version that was built from older articles than the current one (by a slower process) is dropped.
    """
    folder = root / f"{revision:08d}-{uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    _write_vectors(folder, content)
    _write_keywords(folder / "keywords.db", content)
    manifest = Manifest(FORMAT, encoder, revision, content.articles, len(content.passages))
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest)))
    current = current_folder(root)
    if current is not None and _is_newer(current, manifest):
        shutil.rmtree(folder)
        return current
    pointer = root / f".{folder.name}"
    pointer.write_text(folder.name)
    pointer.replace(root / "CURRENT")
    _drop_old_versions(root, keep={folder, current})
    return folder


def _is_newer(folder: Path, manifest: Manifest) -> bool:
    stored = json.loads((folder / "manifest.json").read_text())
    same_kind = (stored["format"], stored["encoder"]) == (manifest.format, manifest.encoder)
    return same_kind and stored["revision"] > manifest.revision


def _write_vectors(folder: Path, content: IndexContent) -> None:
    rows = np.concatenate(
        [content.window_vectors, content.whole_vectors, content.name_vectors, content.question_vectors]
    )
    dense = faiss.IndexFlatIP(rows.shape[1])
    dense.add(np.ascontiguousarray(rows))
    faiss.write_index(dense, str(folder / "dense.faiss"))
    ids = [np.frombuffer(passage.chunk_id.bytes, np.uint8) for passage in content.passages]
    frequencies = Counter(stem for passage in content.passages for stem in stems(_searched(passage)))
    np.savez(
        folder / "ids.npz",
        chunk_ids=np.stack(ids) if ids else np.empty((0, 16), np.uint8),
        passage_name=np.array([passage.name for passage in content.passages], np.int32),
        passage_article=np.array([passage.article for passage in content.passages], np.int32),
        question_article=content.question_article,
        stems=np.array(list(frequencies), str),
        words=np.array(sorted(seen_words(content.passages)), str),
        stem_passages=np.array(list(frequencies.values()), np.int32),
        window_passage=content.window_passage,
        window_unit=content.window_unit,
    )


def _write_keywords(file: Path, content: IndexContent) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "CREATE VIRTUAL TABLE passages USING fts5(title, heading, body, content='', tokenize='porter unicode61')"
        )
        connection.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(passages, row)")
        connection.executemany(
            "INSERT INTO passages (rowid, title, heading, body) VALUES (?, ?, ?, ?)",
            (
                (position, passage.title, passage.heading_path, passage.content)
                for position, passage in enumerate(content.passages)
            ),
        )
        connection.execute("INSERT INTO passages (passages) VALUES ('optimize')")
        _write_spellings(connection, content)


def _write_spellings(connection: sqlite3.Connection, content: IndexContent) -> None:
    """Every word of the passages, found again by three letters in a row: what a misspelt word may have meant."""
    seen = seen_words(content.passages)
    connection.execute("CREATE VIRTUAL TABLE spellings USING fts5(word, passages UNINDEXED, tokenize='trigram')")
    connection.executemany("INSERT INTO spellings (word, passages) VALUES (?, ?)", sorted(seen.items()))


def seen_words(passages: Iterable[IndexedPassage]) -> Counter[str]:
    """Words of letters only, with the passages they stand in."""
    return Counter(
        word
        for passage in passages
        for word in set(words(_searched(passage)))
        if word.isalpha() and len(word) <= LONGEST_WORD
    )


def _searched(passage: IndexedPassage) -> str:
    return f"{passage.title} {passage.heading_path} {passage.content}"


def _drop_old_versions(root: Path, keep: set[Path | None]) -> None:
    """The version before the current one stays for readers that are just opening it."""
    for folder in root.iterdir():
        if folder.is_dir() and folder not in keep:
            shutil.rmtree(folder, ignore_errors=True)
