"""PDF files: their text, its lines put together to paragraphs again."""

import re
from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from statistics import quantiles
from typing import TYPE_CHECKING

from memory.knowledge.documents.model import Content, Refused, opening_title

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_PAGES = 5_000
EDGE_LINES = 2
"""Lines at the top and at the bottom of a page that may be header or footer."""
REPEATED_ON = 0.6
"""Share of the pages on which an edge line must stand to be dropped."""
FEWEST_PAGES = 3
"""On fewer pages nothing is known to repeat."""
FULL_LINE = 0.75
"""A line shorter than this share of the usual width, and ending a sentence, ends its paragraph."""

_PAGE_NUMBER = re.compile(
    r"(?:page|seite|p\.)?\s*[-–—]?\s*\d{1,4}\s*[-–—]?(?:\s*(?:of|/|von|\|)\s*\d{1,4})?", re.IGNORECASE
)
_BULLET = re.compile(r"^(?:[•●▪■◦‣○∙·–]\s+|\uf0b7\s*)")
_ITEM = re.compile(r"(?:[-*+]|\d{1,3}[.)])\s+\S")
_HYPHEN = re.compile(r"[^\W\d_]{2,}[-\u00ad\u2010]$")
_JUNK_TITLE = re.compile(r"untitled|microsoft word|powerpoint|\.(?:docx?|pdf|indd|pptx?|odt|tex|html?)$", re.IGNORECASE)


def read_pdf(data: bytes) -> Content:
    """Raises Refused for an encrypted file, one without text, and one that is no PDF."""
    from pypdf import PdfReader  # noqa: PLC0415 - only when there is a PDF to read

    try:
        reader = PdfReader(BytesIO(data))
        _open(reader)
        if len(reader.pages) > MAX_PAGES:
            raise Refused(f"The PDF has more than {MAX_PAGES:,} pages.")
        pages = [page.extract_text().split("\n") for page in reader.pages]
        named = (reader.metadata.title if reader.metadata else None) or ""
    except Refused:
        raise
    except Exception as error:  # damaged files raise almost anything; each means the same to a person
        raise Refused(f"The PDF is damaged or not a PDF ({type(error).__name__}).") from error
    body = "\n\n".join(paragraphs(without_edges(pages)))
    if not any(character.isalnum() for character in body):
        raise Refused("The PDF has no text; scanned pages must go through text recognition first.")
    title, rest = opening_title(body)
    if named.strip() and not _JUNK_TITLE.search(str(named)):
        same = title is not None and title.casefold() == " ".join(named.split()).casefold()
        return Content(rest if same else body, str(named))
    return Content(rest, title)


def _open(reader: "PdfReader") -> None:
    """Raises Refused when a password is needed; many files are encrypted with an empty one."""
    from pypdf.errors import DependencyError  # noqa: PLC0415 - with pypdf

    if not reader.is_encrypted:
        return
    try:
        opened = bool(reader.decrypt(""))
    except (DependencyError, NotImplementedError):
        opened = False
    if not opened:
        raise Refused("The PDF is encrypted; save it without a password first.")


def without_edges(pages: Sequence[Sequence[str]]) -> list[list[str]]:
    """The lines of each page without page numbers and without headers and footers that repeat."""
    trimmed = [_without_blank_ends([line.strip() for line in page]) for page in pages]
    seen = Counter(key for page in trimmed for key in {_edge_key(page[at]) for at in _edges(page)})
    enough = max(FEWEST_PAGES, REPEATED_ON * len(trimmed))
    kept = []
    for page in trimmed:
        drop = {
            at
            for at in _edges(page)
            if seen[_edge_key(page[at])] >= enough or (at in (0, len(page) - 1) and _PAGE_NUMBER.fullmatch(page[at]))
        }
        kept.append([line for at, line in enumerate(page) if at not in drop])
    return kept


def paragraphs(pages: Sequence[Sequence[str]]) -> list[str]:
    """Lines joined to paragraphs, over page breaks too; a list is one block."""
    widths = [len(line) for page in pages for line in page if line]
    usual = quantiles(widths, n=10)[-1] if len(widths) > 1 else 0
    found: list[list[str]] = []  # of each paragraph its parts, joined once at the end
    goes_on = False
    for page in pages:
        for raw in page:
            line = _BULLET.sub("- ", raw, count=1)
            is_item = _ITEM.match(line) is not None
            if not line:
                goes_on = False
                continue
            if is_item and found and _ITEM.match(found[-1][0]):
                found[-1].append(f"\n{line}")
            elif goes_on and not is_item:
                _continue(found[-1], line)
            else:
                found.append([line])
            ends_early = line[-1] in ".!?:…" and len(line) < FULL_LINE * usual
            goes_on = not ends_early and not _is_short(line, usual)
        goes_on = goes_on and found[-1][-1][-1] not in ".!?:…"
    return ["".join(parts) for parts in found]


def _is_short(line: str, usual: float) -> bool:
    """A heading or the cell of a table: much shorter than text, and a new sentence may follow."""
    return len(line) < FULL_LINE / 2 * usual and line[-1] not in ",;-\u00ad\u2010"


def _continue(parts: list[str], line: str) -> None:
    """Add a line to a paragraph; a word parted at the end of the last line becomes whole."""
    if _HYPHEN.search(parts[-1]) and line[:1].islower():
        parts[-1] = parts[-1][:-1]
        parts.append(line)
    else:
        parts.append(f" {line}")


def _without_blank_ends(lines: list[str]) -> list[str]:
    filled = [at for at, line in enumerate(lines) if line]
    return lines[filled[0] : filled[-1] + 1] if filled else []


def _edges(page: Sequence[str]) -> set[int]:
    return {
        at for at in (*range(EDGE_LINES), *range(len(page) - EDGE_LINES, len(page))) if 0 <= at < len(page) and page[at]
    }


def _edge_key(line: str) -> str:
    return re.sub(r"\d+", "#", line.casefold())
