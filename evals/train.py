"""`clara train`: fits a classifier on anybody's labelled messages and says how good it is.

With a test file it is judged on that, else on the training file itself, five folds, each by a classifier that has not
seen it (whole authors left out where the file has a column `batch`).

A label that is not in the training file, or is called `out_of_scope` or `oos`, is foreign: saying "not ours" is right.
Where nothing foreign is judged, nothing is refused either: the likeliest of the known labels counts.
"""

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.classifier import OUT_OF_SCOPE, Classifier
from agents.cross_fitting import all_folds, names_authors
from agents.training import LabelledMessage, train_on
from errors import Malformed
from evals.measures import expected_calibration_error, reliability_bins, share
from evals.suites.classification import f1
from evals.train_report import as_html
from memory.knowledge.encoder import Encoder, Vectors

TEXT_NAMES = ("text", "message", "question", "sentence", "utterance", "query")
LABEL_NAMES = ("label", "intent", "category", "class")
FOREIGN = {"out_of_scope", "out-of-scope", "out of scope", "oos"}

Say = Callable[[str], None]
Texts = NDArray[np.str_]


class BadColumn(ValueError):
    """The file has no such column; its text says which there are."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file's usable rows."""

    messages: list[LabelledMessage]
    numbers: list[int]
    """Of each message, its row in the file, 1 being the first below the header."""
    skipped: int
    """Rows with no text or no label."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the classifier said of messages it has not seen."""

    table: Table
    wanted: Texts
    given: Texts
    sure: NDArray[np.float64]
    """Probability of what was given."""
    likeliest: Texts
    """Of the known labels."""
    by: str
    """How it was judged, in words."""

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.wanted == self.given)


class Remembering:
    """An encoder that keeps every vector, since each fold asks for the same texts again."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._known = encoder, dict[str, NDArray[np.float32]]()
        self.id = encoder.id

    def encode(self, texts: Sequence[str]) -> Vectors:
        missing = list(dict.fromkeys(text for text in texts if text not in self._known))
        if missing:
            self._known.update(zip(missing, self._encoder.encode(missing), strict=True))
        return np.stack([self._known[text] for text in texts])

    def count_tokens(self, text: str) -> int:
        return self._encoder.count_tokens(text)

    def knows(self, word: str) -> bool:
        return self._encoder.knows(word)


def train_and_judge(
    data: Path, encoder: Encoder, out: Path, say: Say, *, text: str | None, label: str | None, test: Path | None
) -> dict[str, Any]:
    """Fit, judge, write `out/classifier` and `out/report.html`, and return the figures.

    Raises:
        BadColumn: `text` or `label` is no column, or could not be guessed.
        Malformed: a file that cannot be read or learnt from.
    """
    table = read_table(data, text, label)
    check(table, data)
    judged_on = read_table(test, text, label) if test else None
    encoder = Remembering(encoder)
    say(f"Encoding {len(table.messages):,} messages.")
    encoder.encode([message.text for message in table.messages])
    say("Training.")
    out.mkdir(parents=True, exist_ok=True)
    classifier = train_on(table.messages, encoder, out / "classifier", digest="")
    if test is not None and judged_on is not None:
        judged = judge_on(classifier, judged_on, encoder, {message.intent for message in table.messages}, test.name)
    else:
        judged = cross_validate(table, encoder, say)
    document = {**figures_of(judged), "skipped": table.skipped, "out": str(out)}
    (out / "report.html").write_text(as_html(data.name, document, judged), encoding="utf-8")
    return document


def read_table(file: Path, text: str | None, label: str | None) -> Table:
    """Rows with a text and a label; categories, priorities and authors are taken along where there are columns."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            columns = list(reader.fieldnames or [])
            text = _column(columns, text, TEXT_NAMES, "text", file)
            label = _column(columns, label, LABEL_NAMES, "label", file)
            rows = list(reader)
    except UnicodeDecodeError as fault:
        raise Malformed(f"{file} is not UTF-8 (byte {fault.start}); save it as UTF-8") from None
    except csv.Error as fault:
        raise Malformed(f"{file} is no CSV: {fault}") from None
    except OSError as fault:
        raise Malformed(f"{file} cannot be read: {fault.strerror}") from None
    messages, numbers = [], []
    for number, row in enumerate(rows, start=1):
        said, name = (row.get(text) or "").strip(), (row.get(label) or "").strip()
        if said and name:
            intent = OUT_OF_SCOPE if name.lower() in FOREIGN else name
            topic = (row.get("category") or "general") if label != "category" else "general"
            urgency, author = row.get("priority") or "medium", row.get("batch") or ""
            messages.append(LabelledMessage(said, intent, topic, urgency, author))
            numbers.append(number)
    if not messages:
        raise Malformed(f"{file} has no row with both a text and a label")
    return Table(messages, numbers, len(rows) - len(messages))


def _column(columns: Sequence[str], named: str | None, usual: Sequence[str], what: str, file: Path) -> str:
    there = f"{file} has the columns {', '.join(columns) or '(none)'}"
    if named is not None:
        if named not in columns:
            raise BadColumn(f"no column {named!r}: {there}")
        return named
    lower = {column.strip().lower(): column for column in reversed(columns)}
    found = next((lower[name] for name in usual if name in lower), None)
    if found is None:
        raise BadColumn(f"which column is the {what}? Name it with --{what}; {there}")
    return found


def check(table: Table, file: Path) -> None:
    """Raises Malformed when nothing can be learnt."""
    counts = Counter(message.intent for message in table.messages)
    known = [label for label in counts if label != OUT_OF_SCOPE]
    if len(known) < 2:
        raise Malformed(f"{file} has only the label {' and '.join(counts)}; there must be two to tell apart")
    if single := sorted(label for label, count in counts.items() if count == 1):
        more = f" and {len(single) - 5} more" if len(single) > 5 else ""
        raise Malformed(f"one row is too few to learn and to judge a label from: {', '.join(single[:5])}{more}")


def judge_on(classifier: Classifier, table: Table, encoder: Encoder, known: set[str], by: str) -> Judged:
    wanted = [m.intent if m.intent in known else OUT_OF_SCOPE for m in table.messages]
    found = _say_all(classifier, table.messages, encoder)
    return _settle(table, wanted, found, f"on {by}")


def cross_validate(table: Table, encoder: Encoder, say: Say) -> Judged:
    found: dict[int, tuple[str, float, str, float]] = {}
    wanted, authors = [message.intent for message in table.messages], [message.author for message in table.messages]
    folds = all_folds(np.array(wanted), authors)
    for number, (known, unknown) in enumerate(folds, start=1):
        say(f"Judging, fold {number} of {len(folds)}.")
        with TemporaryDirectory() as folder:
            classifier = train_on([table.messages[n] for n in known], encoder, Path(folder) / "classifier", digest="")
            said = _say_all(classifier, [table.messages[n] for n in unknown], encoder)
        found |= dict(zip(unknown.tolist(), said, strict=True))
    by = f"on itself, {len(folds)} folds, each left out once"
    by += ", whole batches together" if names_authors(authors) else ""
    return _settle(table, wanted, [found[n] for n in range(len(wanted))], by)


def _say_all(
    classifier: Classifier, messages: Sequence[LabelledMessage], encoder: Encoder
) -> list[tuple[str, float, str, float]]:
    """Of each message what is said and how surely, and the same when it must be a known label."""
    vectors = encoder.encode([message.text for message in messages])
    said = []
    for message, vector in zip(messages, vectors, strict=True):
        found = classifier.classify(message.text, vector)
        label, sure = classifier.likeliest(message.text, vector)
        said.append((found.intent, found.confidence["intent"], label, sure))
    return said


def _settle(table: Table, wanted: list[str], found: list[tuple[str, float, str, float]], by: str) -> Judged:
    refuses = OUT_OF_SCOPE in wanted
    given = [each[0] if refuses else each[2] for each in found]
    sure = [each[1] if refuses else each[3] for each in found]
    return Judged(
        table, np.array(wanted), np.array(given), np.array(sure), np.array([each[2] for each in found]), by
    )  # fmt: skip


def figures_of(judged: Judged) -> dict[str, Any]:
    """What `--json` prints: shares are 0..1."""
    wanted, given, right = judged.wanted, judged.given, judged.right
    labels = [per_label(label, wanted, given) for label in np.unique(wanted).tolist()]
    alien = wanted == OUT_OF_SCOPE
    document: dict[str, Any] = {
        "accuracy": float(right.mean()),
        "macro_f1": float(np.mean([each["f1"] for each in labels])),
        "ece": expected_calibration_error(judged.sure, right),
        "judged": judged.by,
        "messages": len(wanted),
        "labels": labels,
        "reliability": [asdict(each) for each in reliability_bins(judged.sure, right)],
    }
    if alien.any():
        document["in_scope_accuracy"] = share(right, ~alien)
        document["out_of_scope_recall"] = share(given == OUT_OF_SCOPE, alien)
        document["out_of_scope_precision"] = share(alien, given == OUT_OF_SCOPE)
    return document


def per_label(label: str, wanted: Texts, given: Texts) -> dict[str, Any]:
    ours, said = wanted == label, given == label
    return {
        "label": label,
        "precision": float((ours & said).sum() / said.sum()) if said.any() else 0.0,
        "recall": share(said, ours),
        "f1": f1(ours, said),
        "support": int(ours.sum()),
    }


def as_lines(document: dict[str, Any]) -> list[str]:
    """The figures for people."""
    names = ("accuracy", "macro_f1", "in_scope_accuracy", "out_of_scope_recall", "out_of_scope_precision", "ece")
    lines = [f"Judged {document['judged']}: {document['messages']:,} messages."]
    lines += [f"{name:24} {document[name]:.3f}" for name in names if name in document]
    width = max(len(each["label"]) for each in document["labels"])
    lines.append(f"{'label':{width}} precision recall    f1 support")
    for each in document["labels"]:
        shares = f"{each['precision']:9.3f} {each['recall']:6.3f} {each['f1']:5.3f}"
        lines.append(f"{each['label']:{width}} {shares} {each['support']:7}")
    return lines
