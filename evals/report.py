"""A run's document as one page of HTML: no script, nothing loaded from elsewhere, readable in light and dark.

Everything that comes from cases, articles or answers is escaped, in `_escaped` and in `evals.plots`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from evals import plots

STYLE = Path(__file__).with_name("report.css")
FOLDED_FROM = 220
"""Characters; longer texts show their beginning and unfold."""
RETRIEVAL_GROUPS = ("hit_at_1", "hit_at_3", "hit_at_5", "recall_at_5", "mrr_at_10")
HALVES = {"fused": "", "meaning alone": "dense_", "keywords alone": "keywords_"}
COUNTS = ("questions", "answerable", "messages")

Document = Mapping[str, Any]


def as_html(document: Document) -> str:
    """The page of what `evals.run.as_document` gives."""
    suites = _by_suite(document["suites"])
    links = "".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in suites)
    parts = [
        "<h1>How good Clara is</h1>",
        f'<p class="quiet">{_described(document)}</p>',
        _verdict(document),
        _notes(document),
        f"<nav>{links}</nav>" if links else "",
        _goals(document["goals"]),
        *(_suite(name, results, document) for name, results in suites.items()),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Clara: evaluation</title><style>{STYLE.read_text(encoding='utf-8')}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _by_suite(suites: Document) -> dict[str, dict[str, Document]]:
    """`retrieval.own` → results by suite, then by collection; a suite's only result is named ""."""
    found: dict[str, dict[str, Document]] = {}
    for name, result in suites.items():
        suite, _, collection = name.partition(".")
        found.setdefault(suite, {})[collection] = result
    return found


def _described(document: Document) -> str:
    told = [
        f"Made {document['made_at']}",
        f"{document['half']} half of our cases" if document["half"] else "a knowledge base and cases of one's own",
        f"encoder {document['encoder']}",
        f"answers from {document['answer_at']}, suggests from {document['suggest_at']}",
    ]
    return escape(" · ".join(told))


def _verdict(document: Document) -> str:
    held, missed = len(document["goals"]), len(document["missed"])
    if not held:
        return '<p class="verdict">No goal is set for what was measured.</p>'
    if missed:
        return f'<p class="verdict missed"><b class="bad">{missed} of {held} goals missed.</b></p>'
    return f'<p class="verdict met"><b class="good">All {held} goals met.</b></p>'


def _notes(document: Document) -> str:
    notes = [f"Skipped, no data: {name}." for name in document["skipped"]]
    notes += [
        f"Named by cases of {name}, but not in its knowledge base: {', '.join(articles)}."
        for name, articles in document["unknown_articles"].items()
    ]
    return "".join(f"<p>{escape(note)}</p>" for note in notes)


def _goals(goals: Sequence[Document]) -> str:
    if not goals:
        return ""
    rows = "".join(
        f"<tr><td>{escape(goal['suite'])}</td><td>{escape(goal['figure'])}</td>"
        f'<td class="number">{"none" if goal["value"] is None else plots.number(goal["value"])}</td>'
        f"<td>{escape(goal['wanted'])}</td>"
        f'<td class="{"good" if goal["met"] else "bad"}">{"met" if goal["met"] else "missed"}</td></tr>'
        for goal in goals
    )
    return "<h2>Goals</h2>" + _table(("suite", "figure", "value", "wanted", ""), rows)


def _suite(name: str, results: Mapping[str, Document], document: Document) -> str:
    parts = [f'<h2 id="{escape(name)}">{escape(name.capitalize())}</h2>', _figures(results)]
    if formulas := document.get("formulas", {}).get(name):
        text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(formulas.strip()))
        parts.append(f'<details><summary>What the figures mean</summary><div class="formulas">{text}</div></details>')
    marks = {"answer_at": document["answer_at"], "suggest_at": document["suggest_at"]}
    for collection, result in results.items():
        body = _plots(result, marks) + _failures(result["failures"])
        if body:
            parts.append((f"<h3>{escape(collection)}</h3>" if collection else "") + body)
    return "".join(parts)


def _figures(results: Mapping[str, Document]) -> str:
    """A row for each figure, a column for each collection."""
    names = list(dict.fromkeys(name for result in results.values() for name in result["figures"]))
    head = "".join(f'<th scope="col" class="number">{escape(name or "value")}</th>' for name in results)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="number">{_value(name, result["figures"].get(name))}</td>' for result in results.values())
        + "</tr>"
        for name in names
    )
    return f'<div class="scroll"><table><thead><tr><th scope="col">figure</th>{head}</tr></thead>{rows}</table></div>'


def _value(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return plots.number(int(value) if name in COUNTS and value == int(value) else float(value))


def _plots(result: Document, marks: Mapping[str, float]) -> str:
    drawn = []
    figures, given = result["figures"], result.get("plots", {})
    if all(f"{half}{name}" in figures for half in HALVES.values() for name in RETRIEVAL_GROUPS):
        series = {told: [figures[f"{prefix}{name}"] for name in RETRIEVAL_GROUPS] for told, prefix in HALVES.items()}
        groups = ["hit@1", "hit@3", "hit@5", "recall@5", "MRR@10"]
        drawn.append(plots.grouped_bars("Ranking", groups, series, "The search, and each of its halves by itself."))
    if "reliability" in given:
        drawn.append(plots.reliability(given["reliability"]))
    if "operating" in given:
        drawn.append(plots.precision_coverage(given["operating"], marks))
    if "spread" in given:
        drawn.append(plots.spread(**given["spread"]))
    if "confusion" in given:
        drawn.append(plots.confusion(given["confusion"]))
    return f'<div class="plots">{"".join(drawn)}</div>' if drawn else ""


def _failures(failures: Sequence[Document]) -> str:
    if not failures:
        return ""
    rows = "".join(
        f"<tr><td>{_escaped(each.get('id', ''))}{_faults(each)}</td><td>{_folded(each.get('text', ''))}</td>"
        f"<td>{_wanted(each)}</td><td>{_got(each)}</td>"
        f'<td class="number">{_sure(each)}</td></tr>'
        for each in failures
    )
    head = ("case", "question", "expected", "got", "probability")
    told = f"{len(failures)} failure{'s' if len(failures) > 1 else ''}"
    return f"<details><summary>{told}</summary>{_table(head, rows, 'failures')}</details>"


def _faults(failure: Document) -> str:
    told = failure.get("fault") or failure.get("outcome")
    return f'<br><span class="quiet">{_escaped(told)}</span>' if told else ""


def _wanted(failure: Document) -> str:
    wanted = failure.get("wanted", "")
    parts = [_escaped(each) for each in ([wanted] if isinstance(wanted, str) else wanted)]
    if failure.get("contains"):
        parts.append(f'<span class="quiet">showing {_escaped(", ".join(failure["contains"]))}</span>')
    if failure.get("place"):
        parts.append(f'<span class="quiet">found at place {failure["place"]}</span>')
    return "<br>".join(parts)


def _got(failure: Document) -> str:
    """What was found first, said, or given as a label."""
    parts = []
    if found := failure.get("found"):
        parts.append(f'<b>{_escaped(found["title"])}</b> <span class="quiet">{_escaped(found["article"])}</span>')
        parts.append(_folded(found["quote"]))
    if "said" in failure:
        parts.append(_folded(failure["said"]))
        parts += [f'<span class="quiet">{_escaped(url)}</span>' for url in failure.get("cited", ())]
    if "given" in failure:
        parts.append(_escaped(failure["given"]))
    return "<br>".join(parts) if parts else '<span class="quiet">not shown</span>'


def _sure(failure: Document) -> str:
    value = failure.get("probability", failure.get("confidence"))
    return "–" if value is None else plots.number(float(value))


def _folded(text: str) -> str:
    if len(text) <= FOLDED_FROM:
        return _escaped(text)
    return f"<details><summary>{_escaped(text[:FOLDED_FROM])}…</summary>…{_escaped(text[FOLDED_FROM:])}</details>"


def _escaped(value: object) -> str:
    return escape(str(value))


def _table(head: Iterable[str], rows: str, kind: str = "") -> str:
    titles = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    made = f' class="{kind}"' if kind else ""
    return f'<div class="scroll"><table{made}><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table></div>'
