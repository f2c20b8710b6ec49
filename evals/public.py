"""Public collections, read from `PUBLIC_DATA` where they have been laid beside the checkout.

- `stackfaq`: 60 entries of Stack Exchange, about ten human rephrasings each, with one right entry; `stackfaq-answers`
  has the same entries without their question. Both are also measured with half of the entries removed, which leaves
  questions that cannot be answered. Source: Karan and Šnajder, "Paraphrase-focused learning to rank for
  domain-specific frequently asked questions retrieval", 2018.
- `aws-docs-qa`: customers' questions over the pages of a large technical documentation.
- `mtrag`: the last message of conversations over the passages of four collections, without what was said before.
  `ANSWERABLE` and `PARTIAL` count as answerable, `UNANSWERABLE` not; `UNDERSPECIFIED` ones are left out, since asking
  back is right there. Source: Katsis et al., "MTRAG: A Multi-Turn Conversational Benchmark for Evaluating
  Retrieval-Augmented Generation Systems", 2025.
"""

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from evals.cases import PUBLIC_DATA, Question
from evals.collections import SPLITS, Collection, source_of

Row = dict[str, Any]
ANSWERABLE = {"ANSWERABLE": True, "PARTIAL": True, "UNANSWERABLE": False}


def stackfaq(data: Path) -> Collection:
    return _stackfaq("stackfaq", data, with_questions=True)


def stackfaq_answers(data: Path) -> Collection:
    return _stackfaq("stackfaq-answers", data, with_questions=False)


def _stackfaq(name: str, data: Path, *, with_questions: bool) -> Collection:
    entries: dict[str, Row] = {}
    questions = []
    for row in read_rows(data / "stackfaq" / "dev.jsonl"):
        shown = {"question": row["question"]} if with_questions else {}
        entries[row["id"]] = shown | {"answer": "\n\n".join(row["answers"])}
        gold = frozenset([source_of(row["id"])])
        questions += [
            Question(f"{row['id']}.{n}", text, answerable=True, articles=gold, group=row["id"])
            for n, text in enumerate(row["rephrasings"], start=1)
        ]
    return Collection(name, questions, entries=entries, splits=SPLITS)


def aws_docs_qa(data: Path) -> Collection:
    folder = data / "aws-docs-qa"
    names, entries = _numbered(read_rows(folder / "kb.jsonl.gz"))
    questions = [
        Question(row["id"], row["question"], answerable=True, articles=frozenset([names[row["gold_doc"]]]))
        for row in read_rows(folder / "questions.jsonl")
    ]
    return Collection("aws-docs-qa", questions, entries=entries)


def mtrag(data: Path) -> Collection:
    folder = data / "mtrag"
    names, entries = _numbered(read_rows(folder / "passages_pooled.jsonl"))
    questions = [
        Question(
            row["id"],
            row["turns"][-1]["text"],
            answerable=ANSWERABLE[row["answerability"]],
            articles=frozenset(names[gold] for gold in row["gold_docs"]),
            group=row["id"].partition("<::>")[0],
        )
        for row in read_rows(folder / "tasks.jsonl")
        if row["answerability"] in ANSWERABLE
    ]
    return Collection("mtrag", questions, entries=entries)


def _numbered(rows: list[Row]) -> tuple[dict[str, str], dict[str, Row]]:
    """Sources by document id, and the documents as entries that are named by their number."""
    entries = {f"{number:05}": row for number, row in enumerate(rows, start=1)}
    return {row["doc_id"]: source_of(name) for name, row in entries.items()}, entries


def read_rows(file: Path) -> list[Row]:
    """Raises FileNotFoundError."""
    data = file.read_bytes()
    text = (gzip.decompress(data) if file.suffix == ".gz" else data).decode("utf-8")
    return [json.loads(line) for line in text.split("\n") if line.strip()]


PUBLIC: Mapping[str, Callable[[Path], Collection]] = {
    "stackfaq": stackfaq,
    "stackfaq-answers": stackfaq_answers,
    "aws-docs-qa": aws_docs_qa,
    "mtrag": mtrag,
}


def public(name: str, data: Path = PUBLIC_DATA) -> Collection | None:
    """The collection, or None when its data is not there. Raises KeyError for an unknown name."""
    try:
        return PUBLIC[name](data)
    except FileNotFoundError:
        return None
