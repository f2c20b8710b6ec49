"""A passage as units: the stretches of it that can be shown alone, and that are encoded each by itself."""

import re
from dataclasses import dataclass

from memory.knowledge.blocks import Kind, blocks_of
from memory.knowledge.prose import sentence_spans

ORDERED_ITEM = re.compile(r"\s*\d{1,3}[.)]\s")


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence, or a list, table or code block with its lead-in."""

    text: str
    """Verbatim."""
    is_steps: bool
    """An ordered list."""
    paragraph: int
    """Position of its block within the passage."""
    opens: bool
    """The first of the passage."""


def units_of(content: str) -> list[Unit]:
    """The passage as units, in order; headings are left out."""
    units: list[tuple[int, int, bool, int]] = []
    for position, block in enumerate(blocks_of(content)):
        if block.kind is Kind.HEADING:
            continue
        if block.kind is Kind.TEXT:
            spans = sentence_spans(content[block.start : block.end])
            units += [(block.start + start, block.start + end, False, position) for start, end in spans]
            continue
        leads = units and content[units[-1][0] : units[-1][1]].endswith(":") and units[-1][3] == position - 1
        start = units.pop()[0] if leads else block.start
        is_steps = ORDERED_ITEM.match(content, block.start) is not None
        units.append((start, block.end, is_steps, position))
    return [
        Unit(content[start:end].strip(), is_steps, paragraph, opens=number == 0)
        for number, (start, end, is_steps, paragraph) in enumerate(units)
    ]
