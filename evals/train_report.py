"""The page that `clara train` writes: complete in itself, without scripts, readable in light and dark."""

from __future__ import annotations

from collections import Counter
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evals import plots

if TYPE_CHECKING:
    from evals.train import Judged

STYLE = Path(__file__).with_name("report.css")
MATRIX_LABELS = 40
"""With more labels the matrix would be too large to read: the most confused pairs stand for it."""
PAIRS = 20
EXAMPLES = 3
"""Messages shown of a confused pair."""
SHOWN_CHARACTERS = 300
DOUBTFUL_AT = 0.8
"""Probability of another label from which a row counts as likely mislabelled."""
DOUBTFUL = 100

HEADLINES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "in_scope_accuracy": "accuracy of what is in scope",
    "out_of_scope_recall": "out of scope: recall",
    "out_of_scope_precision": "out of scope: precision",
    "ece": "calibration error",
    "messages": "messages judged",
    "skipped": "rows skipped (no text or no label)",
}


def as_html(name: str, document: dict[str, Any], judged: Judged) -> str:
    """The page; `document` as `evals.train.figures_of` gives it."""
    headlines = [(title, document[key]) for key, title in HEADLINES.items() if key in document]
    labels = sorted(document["labels"], key=lambda each: (each["f1"], each["label"]))
    columns = ("label", "precision", "recall", "f1", "support")
    sections = {
        "Figures": plots.table(("figure", "value"), headlines),
        "Reliability": f'<div class="plots">{plots.reliability(document["reliability"])}</div>',
        "Confusion": confusion(judged),
        "Labels most often confused": confused_pairs(judged),
        "Likely mislabelled": doubtful_rows(judged),
        "Every label, the weakest first": plots.table(columns, [[each[c] for c in columns] for each in labels]),
    }
    body = "".join(f"<section><h2>{title}</h2>{content}</section>" for title, content in sections.items())
    title = f"Classifier trained on {escape(name)}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head>"
        f'<body><h1>{title}</h1><p class="quiet">Judged {escape(judged.by)}.</p><main>{body}</main></body></html>\n'
    )


def confusion(judged: Judged) -> str:
    counts = Counter(zip(judged.wanted.tolist(), judged.given.tolist(), strict=True))
    labels = {label for pair in counts for label in pair}
    if len(labels) > MATRIX_LABELS:
        return f'<p class="quiet">{len(labels)} labels are too many for a matrix; the next table has the mistakes.</p>'
    return plots.confusion([{"wanted": w, "given": g, "count": n} for (w, g), n in sorted(counts.items())])


def confused_pairs(judged: Judged) -> str:
    """The most frequent mistakes, each with the messages it was surest of."""
    wrong = np.flatnonzero(~judged.right)
    counts = Counter((str(judged.wanted[n]), str(judged.given[n])) for n in wrong)
    surest = wrong[np.argsort(-judged.sure[wrong], kind="stable")]
    rows = []
    for (wanted, given), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:PAIRS]:
        texts = [_short(judged, n) for n in surest if (judged.wanted[n], judged.given[n]) == (wanted, given)]
        support = int((judged.wanted == wanted).sum())
        rows.append((wanted, given, count, support, " · ".join(texts[:EXAMPLES])))
    return plots.table(("given in the file", "taken for", "times", "of", "such as"), rows) if rows else _none()


def doubtful_rows(judged: Judged) -> str:
    """Rows whose label the classifier contradicts with confidence, surest first."""
    wrong = np.flatnonzero(~judged.right & (judged.sure >= DOUBTFUL_AT))
    surest = wrong[np.argsort(-judged.sure[wrong], kind="stable")][:DOUBTFUL].tolist()
    rows = [
        (
            judged.table.numbers[n],
            _short(judged, n),
            judged.table.messages[n].intent,
            str(judged.given[n]),
            float(judged.sure[n]),
        )
        for n in surest
    ]
    return plots.table(("row", "text", "given", "suggested", "probability"), rows) if rows else _none()


def _short(judged: Judged, n: int) -> str:
    text = " ".join(judged.table.messages[n].text.split())
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _none() -> str:
    return '<p class="quiet">None.</p>'
