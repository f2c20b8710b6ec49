"""Word files (DOCX): paragraphs, lists and tables in their order, as simple Markdown."""

import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from memory.knowledge.documents.html import LINK_SCHEMES, markdown_table
from memory.knowledge.documents.model import Content, Refused

MAX_UNPACKED_BYTES = 200 * 1024 * 1024
"""200 MB, of all parts together: a small file can unpack to anything."""
_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_LIST_STYLE = re.compile(r"list (bullet|number)(?: (\d))?", re.IGNORECASE)
_ENCRYPTED = b"\xd0\xcf\x11\xe0"
"""A password turns the file into one of the old container format, as do old versions of Word."""


def read_word(data: bytes) -> Content:
    """Raises Refused for a file with a password, one without text, and one that is no DOCX."""
    import docx  # noqa: PLC0415 - only when there is a Word file to read

    if data.startswith(_ENCRYPTED):
        raise Refused("The file has a password or is of an old Word format; save it as DOCX without a password.")
    try:
        with zipfile.ZipFile(BytesIO(data)) as parts:
            if sum(part.file_size for part in parts.infolist()) > MAX_UNPACKED_BYTES:
                raise Refused(f"The file unpacks to more than {MAX_UNPACKED_BYTES // 2**20} MB.")
        opened = docx.Document(BytesIO(data))
        blocks = list(_Reader(opened).blocks())
        named = opened.core_properties.title
    except Refused:
        raise
    except Exception as error:  # damaged files raise almost anything; each means the same to a person
        raise Refused(f"The file is damaged or not a DOCX file ({type(error).__name__}).") from error
    body = "\n\n".join(blocks)
    if not any(character.isalnum() for character in body):
        raise Refused("The file has no text.")
    has_title = any(block.startswith("# ") for block in blocks)
    return Content(body, None if has_title else named)


class _Reader:
    def __init__(self, opened: Any) -> None:
        self._opened = opened
        self._counts: dict[int, int] = {}
        """Numbers given so far in the list that is being read, by level."""
        self._lines: list[str] = []
        self._ordered: dict[tuple[int, int], bool] = {}

    def blocks(self) -> Iterator[str]:
        from docx.table import Table  # noqa: PLC0415 - with docx

        for item in self._opened.iter_inner_content():
            if isinstance(item, Table):
                yield from self._end_list()
                yield from _table(item)
            else:
                yield from self._paragraph(item)
        yield from self._end_list()

    def _paragraph(self, paragraph: Any) -> Iterator[str]:
        text = _marked(paragraph)
        if not text:
            return
        style = (paragraph.style.name if paragraph.style is not None else None) or ""
        heading = _HEADING.match(style)
        if heading or style.lower() == "title":
            yield from self._end_list()
            yield f"{'#' * min(int(heading[1]) if heading else 1, 6)} {' '.join(text.replace('**', '').split())}"
        elif place := self._list_place(paragraph, style):
            self._add_item(text, *place)
        else:
            yield from self._end_list()
            yield text

    def _add_item(self, text: str, level: int, ordered: bool) -> None:
        self._counts = {at: count for at, count in self._counts.items() if at <= level}
        self._counts[level] = self._counts.get(level, 0) + 1
        marker = f"{self._counts[level]}. " if ordered else "- "
        self._lines.append(f"{'   ' * level}{marker}{' '.join(text.split())}")

    def _end_list(self) -> Iterator[str]:
        if self._lines:
            yield "\n".join(self._lines)
        self._lines, self._counts = [], {}

    def _list_place(self, paragraph: Any, style: str) -> tuple[int, bool] | None:
        """Level from 0 and whether numbered; None for what is no list item."""
        numbering = _numbering(paragraph._p) or _numbering(paragraph.style.element if paragraph.style else None)
        named = _LIST_STYLE.match(style)
        if numbering is not None:
            number_id, level = numbering
            if number_id == 0:  # taken out of the list
                return None
            return level or (int(named[2] or 1) - 1 if named else 0), self._is_ordered(number_id, level)
        return (int(named[2] or 1) - 1, named[1].lower() == "number") if named else None

    def _is_ordered(self, number_id: int, level: int) -> bool:
        """By the format of the list's definition."""
        if (number_id, level) in self._ordered:
            return self._ordered[number_id, level]
        found = self._opened.part.numbering_part.element.xpath(
            f"//w:abstractNum[@w:abstractNumId=//w:num[@w:numId={number_id}]/w:abstractNumId/@w:val]"
            f"/w:lvl[@w:ilvl={level}]/w:numFmt/@w:val"
        )
        self._ordered[number_id, level] = bool(found) and found[0] not in ("bullet", "none")
        return self._ordered[number_id, level]


def _numbering(element: Any) -> tuple[int, int] | None:
    """The list's id and level, as a paragraph's or style's own properties say."""
    properties = element.pPr if element is not None else None
    numbering = properties.numPr if properties is not None else None
    if numbering is None or numbering.numId is None:
        return None
    return numbering.numId.val, numbering.ilvl.val if numbering.ilvl is not None else 0


def _marked(paragraph: Any) -> str:
    """The text with bold and links marked."""
    from docx.text.hyperlink import Hyperlink  # noqa: PLC0415 - with docx

    parts: list[tuple[str, bool]] = []  # text and whether bold; Word splits what looks like one run
    for item in paragraph.iter_inner_content():
        text, bold = item.text, bool(getattr(item, "bold", False))
        if isinstance(item, Hyperlink) and text.strip() and item.url.startswith(LINK_SCHEMES):
            text = f"[{text.strip()}]({item.url})"
        if parts and parts[-1][1] == bold:
            parts[-1] = (parts[-1][0] + text, bold)
        else:
            parts.append((text, bold))
    return "".join(_bold(text) if bold else text for text, bold in parts).strip()


def _bold(text: str) -> str:
    words = text.strip()
    return text.replace(words, f"**{words}**", 1) if words and "*" not in words and "\n" not in words else text


def _table(table: Any) -> Iterator[str]:
    """The rows with a rule below the first; cells that were merged stand once."""
    rows = []
    for row in table.rows:
        cells: list[str] = []
        last = None
        for cell in row.cells:
            if cell._tc is not last:
                cells.append(" ".join(" ".join(_marked(paragraph) for paragraph in cell.paragraphs).split()))
            last = cell._tc
        rows.append(cells)
    if any(any(cells) for cells in rows):
        yield markdown_table(rows)
