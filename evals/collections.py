"""Collections: documents to ingest, and questions whose right articles are known.

`own` is the example help centre with our cases, `kb` a knowledge base and a case file that somebody names on the
command line; the others are public data (see `evals.public`), measured where it has been laid beside the checkout.
"""

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evals.cases import Half, Question, read_questions
from graph.home import ARTICLES
from memory.database import Sessions, reading
from memory.tables import Article, ArticleStatus

SPLITS = 20
"""How often a collection that is measured with half of its entries removed is measured so."""
SEED = 11
OWN, USERS = "own", "kb"


@dataclass(frozen=True, slots=True)
class Collection:
    name: str
    questions: Sequence[Question]
    """Their articles are slugs, sources, or sources without extension; see `with_slugs`."""
    paths: Sequence[Path] = ()
    """Files and folders to ingest."""
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Or FAQ entries by a name that can be a file's; the source of one is what `source_of` says."""
    splits: int = 0
    """So many times the confidence is also measured with half of the entries removed, each time another half."""
    is_sealed: bool = False
    """Of its questions no texts are shown, so that nobody tunes on them."""

    def digest(self) -> str:
        """Of everything that would be ingested."""
        sums = hashlib.sha256(json.dumps(self.entries, sort_keys=True).encode())
        for path in self.paths:
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    sums.update(f"{file.relative_to(path.parent)}\0{file.stat().st_size}\0".encode())
                    sums.update(file.read_bytes())
        return sums.hexdigest()

    def lay_out(self, folder: Path) -> list[Path]:
        """What to ingest, for entries one file each in `folder`."""
        if not self.entries:
            return list(self.paths)
        folder.mkdir(exist_ok=True)
        for name, entry in self.entries.items():
            (folder / f"{name}.jsonl").write_text(json.dumps(entry) + "\n", encoding="utf-8")
        return [folder]

    def halves(self) -> Iterator[list[str]]:
        """Of each split the names of the entries that are kept; the same in every run."""
        chance = random.Random(SEED)
        names = sorted(self.entries)
        for _ in range(self.splits):
            yield sorted(chance.sample(names, len(names) // 2))


def source_of(entry: str) -> str:
    return f"{entry}.jsonl#1"


def own(half: Half) -> Collection:
    """The example help centre and a half of our cases."""
    return Collection(OWN, read_questions(half), paths=[ARTICLES], is_sealed=half == "sealed")


def users(kb: Path, questions: Sequence[Question]) -> Collection:
    return Collection(USERS, questions, paths=[kb])


def names_of_articles(sessions: Sessions) -> dict[str, str]:
    """Slugs of the published articles by every name that a case may give them: source, slug, source without extension.

    A name that could mean two articles means the one whose source it is, then the one whose slug it is.
    """
    with reading(sessions) as session:
        rows = (
            session.query(Article.slug, Article.source)
            .where(Article.status == ArticleStatus.PUBLISHED)
            .order_by(Article.slug)
            .all()
        )
    found: dict[str, str] = {}
    for slug, source in rows:
        if source and "#" not in source:
            found[str(Path(source).with_suffix("").as_posix())] = slug
    found |= {slug: slug for slug, _ in rows}
    return found | {source: slug for slug, source in rows if source}


def with_slugs(question: Question, names: Mapping[str, str]) -> Question:
    """The question with its articles as slugs; those that are not in the knowledge base keep their name."""
    return replace(question, articles=frozenset(names.get(name, name) for name in question.articles))
