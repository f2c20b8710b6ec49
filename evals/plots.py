"""Plots as inline SVG, each a `<figure>` with its values in a table, so that nothing is told by the picture alone.

Colours are classes that the page's style sheet defines for light and for dark; every text is escaped here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import Any

_NUMBERS = count(1)
"""Makes ids that are unique in a page."""
LABEL_CHARACTERS = 24
"""Of a label on an axis; the table has it whole."""

Cell = str | float | int


@dataclass(frozen=True, slots=True)
class Frame:
    """A plotting area in SVG units; data are 0..1 on both axes."""

    width: float = 340
    height: float = 300
    left: float = 46
    bottom: float = 40
    top: float = 12
    right: float = 14

    def x(self, value: float) -> float:
        return round(self.left + value * (self.width - self.left - self.right), 1)

    def y(self, value: float) -> float:
        return round(self.height - self.bottom - value * (self.height - self.bottom - self.top), 1)

    def axes(self, across: str, up: str, ticks: Sequence[float] = (0, 0.25, 0.5, 0.75, 1)) -> str:
        parts = []
        for tick in ticks:
            parts.append(_line(self.x(tick), self.y(0), self.x(tick), self.y(1), "grid"))
            parts.append(_line(self.x(0), self.y(tick), self.x(1), self.y(tick), "grid"))
            parts.append(_text(self.x(tick), self.y(0) + 15, f"{tick:g}", "tick"))
            parts.append(_text(self.x(0) - 6, self.y(tick) + 4, f"{tick:g}", "tick end"))
        parts.append(_text((self.x(0) + self.x(1)) / 2, self.height - 6, across, "axis"))
        middle = (self.y(0) + self.y(1)) / 2
        parts.append(_text(12, middle, up, "axis", f' transform="rotate(-90 12 {middle:.1f})"'))
        return "".join(parts)

    def path(self, points: Iterable[tuple[float, float]], kind: str) -> str:
        places = " ".join(f"{self.x(x)},{self.y(y)}" for x, y in points)
        return f'<polyline points="{places}" class="{kind}"/>' if places else ""


def reliability(bins: Sequence[Mapping[str, float]]) -> str:
    """Share right over stated probability; a dot's area goes with its cases, the dashed line is perfect."""
    frame = Frame()
    most = max((each["count"] for each in bins), default=1)
    dots = "".join(
        f'<circle cx="{frame.x(each["stated"])}" cy="{frame.y(each["right"])}" '
        f'r="{2.5 + 7.5 * (each["count"] / most) ** 0.5:.1f}" class="dot one"/>'
        for each in bins
    )
    drawn = (
        frame.axes("stated probability", "share right")
        + frame.path([(0, 0), (1, 1)], "ideal")
        + frame.path([(each["stated"], each["right"]) for each in bins], "line one")
        + dots
    )
    rows = [(f"{b['low']:.1f}–{b['high']:.1f}", int(b["count"]), b["stated"], b["right"]) for b in bins]
    return figure(
        "Reliability", drawn, frame, ("probability", "cases", "mean stated", "share right"), rows,
        "Below the dashed line it is surer than it should be. The larger a dot, the more cases.",
    )  # fmt: skip


def precision_coverage(points: Sequence[Mapping[str, float]], marks: Mapping[str, float]) -> str:
    """Precision over coverage; `marks` are thresholds by name."""
    frame = Frame()
    drawn = frame.axes("coverage", "precision")
    drawn += frame.path([(each["coverage"], each["precision"]) for each in points], "line one")
    rows: list[tuple[Cell, ...]] = []
    for n, (name, threshold) in enumerate(sorted(marks.items(), key=lambda mark: -mark[1])):
        reached = [each for each in points if each["threshold"] >= threshold]
        if not reached:
            if points:
                rows.append((name, threshold, "nothing above it", 0.0))
            continue
        x, y = reached[-1]["coverage"], reached[-1]["precision"]
        rows.append((name, threshold, y, x))
        anchor, dx = (" end", -9) if x > 0.6 else (" start", 9)
        drawn += f'<circle cx="{frame.x(x)}" cy="{frame.y(y)}" r="4.5" class="dot two"/>'
        drawn += _text(frame.x(x) + dx, frame.y(y) + 17 + 15 * n, name, "mark" + anchor)
    return figure(
        "Precision and coverage", drawn, frame, ("threshold", "at", "precision", "coverage"), rows,
        "Every threshold on the probability. Coverage: right ones above it, of those that can be answered.",
    )  # fmt: skip


def spread(right: Sequence[int], wrong: Sequence[int]) -> str:
    """How many right ones (up) and wrong ones (down) have which probability."""
    frame = Frame()
    most = max([1, *right, *wrong])
    parts = []
    for n, (above, below) in enumerate(zip(right, wrong, strict=True)):
        left, width = frame.x(n / len(right)) + 0.5, (frame.x(1) - frame.x(0)) / len(right) - 1
        up, down = frame.y(0.5 + 0.5 * above / most), frame.y(0.5 - 0.5 * below / most)
        middle = frame.y(0.5)
        parts.append(_box(left, up, width, middle - up, "fill one"))
        parts.append(_box(left, middle, width, down - middle, "fill two"))
    parts += [_text(frame.x(tick), frame.y(0) + 15, f"{tick:g}", "tick") for tick in (0, 0.25, 0.5, 0.75, 1)]
    parts.append(_line(frame.x(0), frame.y(0.5), frame.x(1), frame.y(0.5), "rule"))
    parts.append(_text(frame.x(0) - 6, frame.y(1) + 8, str(most), "tick end"))
    parts.append(_text(frame.x(0) - 6, frame.y(0), str(most), "tick end"))
    for words, height in (("right", frame.y(0.75)), ("wrong", frame.y(0.25))):
        parts.append(_text(20, height, words, "axis", f' transform="rotate(-90 20 {height})"'))
    parts.append(_text((frame.x(0) + frame.x(1)) / 2, frame.height - 6, "probability", "axis"))
    edges = [n / len(right) for n in range(len(right) + 1)]
    rows = [
        (f"{edges[n]:.2f}–{edges[n + 1]:.2f}", above, below)
        for n, (above, below) in enumerate(zip(right, wrong, strict=True))
        if above or below
    ]
    return figure(
        "Right and wrong ones by probability", "".join(parts), frame, ("probability", "right", "wrong"), rows,
        "Right ones rise from the middle line, wrong ones hang from it.",
    )  # fmt: skip


def grouped_bars(title: str, groups: Sequence[str], series: Mapping[str, Sequence[float]], caption: str) -> str:
    """Values of 0..1, a group on the axis for each of `groups`, a bar in it for each of at most three `series`."""
    frame = Frame(width=460, bottom=44)
    kinds = ("one", "two", "three")
    parts = [
        _line(frame.x(0), frame.y(tick), frame.x(1), frame.y(tick), "grid")
        + _text(frame.x(0) - 6, frame.y(tick) + 4, f"{tick:g}", "tick end")
        for tick in (0, 0.25, 0.5, 0.75, 1)
    ]
    slot = 1 / max(len(groups), 1)
    bar = (frame.x(1) - frame.x(0)) * slot * 0.8 / max(len(series), 1)
    for place, name in enumerate(groups):
        for n, (values, kind) in enumerate(zip(series.values(), kinds, strict=False)):
            top = frame.y(values[place])
            parts.append(_box(frame.x((place + 0.1) * slot) + n * bar, top, bar - 1, frame.y(0) - top, f"fill {kind}"))
        parts.append(_text(frame.x((place + 0.5) * slot), frame.y(0) + 15, name, "tick"))
    for n, (name, kind) in enumerate(zip(series, kinds, strict=False)):
        left = frame.x(n / len(kinds))
        parts.append(_box(left, frame.height - 16, 10, 10, f"fill {kind}"))
        parts.append(_text(left + 15, frame.height - 7, name, "mark start"))
    rows: list[list[Cell]] = [[name, *(values[n] for values in series.values())] for n, name in enumerate(groups)]
    return figure(title, "".join(parts), frame, ("", *series), rows, caption)


def confusion(counts: Sequence[Mapping[str, Any]]) -> str:
    """A row for each wanted label, a column for each given one; stronger is a larger share of the row.

    Mistakes are drawn against the worst of them, which else would be too faint to see.
    """
    labels = sorted({each[side] for each in counts for side in ("wanted", "given")})
    place = {label: n for n, label in enumerate(labels)}
    sums = {label: sum(each["count"] for each in counts if each["wanted"] == label) for label in labels}
    worst = max((each["count"] / sums[each["wanted"]] for each in counts if each["given"] != each["wanted"]), default=1)
    cell, margin = 17, 165
    frame = Frame(width=margin + cell * len(labels) + 10, height=margin + cell * len(labels) + 10)
    parts = []
    for each in counts:
        x, y = margin + cell * place[each["given"]], margin + cell * place[each["wanted"]]
        share = each["count"] / sums[each["wanted"]]
        kind, strength = ("one", share) if each["given"] == each["wanted"] else ("two", share / worst)
        told = f"{each['wanted']} taken for {each['given']}: {each['count']} of {sums[each['wanted']]}"
        parts.append(
            f'<rect x="{x}" y="{y}" width="{cell - 1}" height="{cell - 1}" class="fill {kind}" '
            f'fill-opacity="{0.1 + 0.9 * strength:.2f}"><title>{escape(told)}</title></rect>'
        )
    for label, n in place.items():
        at, short = margin + cell * n + cell * 0.7, label[:LABEL_CHARACTERS]
        parts.append(_text(margin - 6, at, short, "tick end"))
        turned = f' transform="rotate(-90 {at:.1f} {margin - 6})"'
        parts.append(_text(at, margin - 6, short, "tick start", turned))
    parts.append(_text(8, 14, "wanted ↓  given →", "axis start"))
    wrong = sorted((each for each in counts if each["given"] != each["wanted"]), key=lambda each: -each["count"])
    rows = [(each["wanted"], each["given"], int(each["count"]), int(sums[each["wanted"]])) for each in wrong]
    return figure(
        "Confusion matrix", "".join(parts), frame, ("wanted", "given", "cases", "of"), rows,
        "Blue: labelled rightly; orange: taken for another label. The table has the mistakes, the most frequent first.",
        kind="wide",
    )  # fmt: skip


def figure(
    title: str,
    drawn: str,
    frame: Frame,
    head: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    caption: str,
    kind: str = "plot",
) -> str:
    """A drawing under its title, with its caption and, folded, the table of what it shows."""
    mark = next(_NUMBERS)
    if not rows:
        return f'<figure class="{kind}"><h4>{escape(title)}</h4><p class="quiet">Nothing to draw.</p></figure>'
    return (
        f'<figure class="{kind}"><h4>{escape(title)}</h4>'
        f'<svg viewBox="0 0 {frame.width:g} {frame.height:g}" width="{frame.width:g}" role="img" '
        f'aria-labelledby="t{mark} d{mark}"><title id="t{mark}">{escape(title)}</title>'
        f'<desc id="d{mark}">{escape(caption)} The table below has the values.</desc>{drawn}</svg>'
        f"<figcaption>{escape(caption)}</figcaption>"
        f"<details><summary>Values</summary>{table(head, rows)}</details></figure>"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Escapes every cell; numbers stand to the right, fractions with three decimals."""
    titles = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table></div>'


def number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _cell(value: Cell) -> str:
    return f"<td>{escape(value)}</td>" if isinstance(value, str) else f'<td class="number">{number(value)}</td>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="{kind}"/>'


def _box(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" class="{kind}"/>'


def _text(x: float, y: float, words: str, kind: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}"{more}>{escape(words)}</text>'
