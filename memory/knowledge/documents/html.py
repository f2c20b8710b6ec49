"""HTML pages: what is their content, as simple Markdown."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from memory.knowledge.documents.model import Content, Refused

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from bs4.element import PageElement, Tag

DROPPED = ["nav", "script", "style", "noscript", "template", "iframe", "svg", "aside", "head"]
CONTROLS = ["button", "input", "select", "textarea"]
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
BLOCKS = frozenset(
    """address article blockquote body center details div dd dl dt fieldset figcaption figure footer header hr html
    li main ol p pre section summary table ul""".split()
) | {*HEADINGS}
LINK_SCHEMES = ("http://", "https://", "mailto:", "tel:")
"""Other links, relative ones too, lead nowhere from here; only their text is kept."""


_NESTED = re.compile(r"(?:[-*+]|\d{1,3}[.)]) ")


def declared_encoding(data: bytes) -> str | None:
    """What the page's own `<meta charset>` says."""
    match = re.search(rb"<meta[^>]{0,200}?charset=[\"']?([\w.:-]{1,40})", data[:2048], re.IGNORECASE)
    return match[1].decode("ascii", "replace") if match else None


def read_html(text: str) -> Content:
    """Raises Refused for a page without text."""
    from bs4 import BeautifulSoup  # noqa: PLC0415 - a tenth of a second that starting up need not pay

    try:
        soup = BeautifulSoup(text, "lxml")
        title, root = _title_and_root(soup)
        body = "\n\n".join(_blocks(root))
    except RecursionError:
        raise Refused("The page's elements are nested too deeply.") from None
    except Exception as error:  # the parser meets hostile pages; each kind of error means the same
        raise Refused(f"The page cannot be read ({type(error).__name__}).") from error
    if not body.strip():
        raise Refused("The page has no text.")
    return Content(body, title)


def _title_and_root(soup: "BeautifulSoup") -> tuple[str | None, "Tag"]:
    """The title, and the element that holds the content, freed of what surrounds it."""
    page_title = soup.title.get_text(" ", strip=True) if soup.title else None
    for element in [*soup([*DROPPED, *CONTROLS]), *soup.select("[hidden], [aria-hidden=true]")]:
        element.decompose()
    articles = soup("article")
    root = soup.find("main") or soup.find(role="main") or (articles[0] if len(articles) == 1 else soup)
    for element in root(["header", "footer"]):
        if element.decomposed:
            continue
        if element.name == "header" and element.find_parent(["article", "main"]) and (kept := element(HEADINGS)):
            element.replace_with(*(heading.extract() for heading in kept))
        else:
            element.decompose()
    heading = root.find("h1")
    words = heading.get_text(" ", strip=True) if heading else None
    if heading and words:
        heading.decompose()
    return words or page_title, root


def _blocks(node: "Tag") -> Iterator[str]:
    """The Markdown blocks of an element, in order; text between block elements is a paragraph."""
    from bs4.element import Tag  # noqa: PLC0415 - with bs4

    run: list[PageElement] = []
    for child in node.children:
        if isinstance(child, Tag) and (child.name in BLOCKS or _holds_blocks(child)):
            yield from _paragraph(run)
            run = []
            yield from _block(child)
        else:
            run.append(child)
    yield from _paragraph(run)


def _holds_blocks(node: "Tag") -> bool:
    """A link or span around a whole block."""
    return any(getattr(child, "name", None) in BLOCKS for child in node.children)


def _block(node: "Tag") -> Iterator[str]:
    if node.name in HEADINGS:
        if words := " ".join(_inline(node.children).split()):
            yield f"{'#' * int(node.name[1])} {words}"
    elif node.name in ("ul", "ol"):
        if lines := list(_list(node, "")):
            yield "\n".join(lines)
    elif node.name == "table":
        yield from _table(node)
    elif node.name == "pre":
        if code := node.get_text().strip("\n"):
            fence = "````" if "```" in code else "```"
            yield f"{fence}\n{code}\n{fence}"
    elif node.name == "blockquote":
        yield from ("\n".join(f"> {line}".rstrip() for line in block.split("\n")) for block in _blocks(node))
    else:
        yield from _blocks(node)


def _paragraph(run: "Iterable[PageElement]") -> Iterator[str]:
    lines = (" ".join(line.split()) for line in _inline(run).split("\n"))
    if text := "\n".join(line for line in lines if line):
        yield re.sub(r"^(#{1,6} )", r"\\\1", text, flags=re.MULTILINE)


def _list(node: "Tag", indent: str) -> Iterator[str]:
    number = 0
    for item in node.find_all(["li", "ul", "ol"], recursive=False):
        if item.name != "li":  # a list straight inside a list, as editors write it
            yield from _list(item, f"{indent}   ")
            continue
        number += 1
        marker = f"{number}. " if node.name == "ol" else "- "
        inner = f"{indent}{' ' * len(marker)}"
        lines = [line for block in _blocks(item) for line in _apart(block)]
        lines = lines[1:] if lines and not lines[0] else lines
        if lines:
            yield f"{indent}{marker}{lines[0]}"
            yield from (f"{inner}{line}" if line else "" for line in lines[1:])


def _apart(block: str) -> list[str]:
    """The lines of a block in a list item; only a list needs no blank line above it."""
    lines = block.split("\n")
    return lines if _NESTED.match(block) else ["", *lines]


def _table(node: "Tag") -> Iterator[str]:
    """The rows with a rule below the first; a table of one column is layout and is read as text."""
    rows = [row(["th", "td"], recursive=False) for row in node("tr") if row.find_parent("table") is node]
    width = max((len(row) for row in rows), default=0)
    if width <= 1:
        for row in rows:
            for cell in row:
                yield from _blocks(cell)
        return
    if node.caption and (caption := " ".join(_inline(node.caption.children).split())):
        yield caption
    yield markdown_table([[" ".join(" ".join(_blocks(cell)).split()) for cell in row] for row in rows])


def markdown_table(rows: list[list[str]]) -> str:
    width = max(len(row) for row in rows)
    filled = [[cell.replace("|", "\\|") for cell in row] + [""] * (width - len(row)) for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in filled]
    return "\n".join([lines[0], f"|{' --- |' * width}", *lines[1:]])


def _inline(nodes: "Iterable[PageElement]") -> str:
    """Text with code, bold and links marked; line feeds only where the page breaks lines."""
    from bs4.element import NavigableString, PreformattedString, Tag  # noqa: PLC0415 - with bs4

    parts: list[str] = []
    for node in nodes:
        if isinstance(node, PreformattedString):  # comments and declarations
            continue
        if isinstance(node, NavigableString):
            parts.append(re.sub(r"<(?=[a-zA-Z/!])", r"\\<", re.sub(r"\s+", " ", node)))
        elif isinstance(node, Tag):
            parts.append(_marked(node))
    return "".join(parts)


def _marked(node: "Tag") -> str:
    if node.name == "br":
        return "\n"
    if node.name == "img":
        return str(node.get("alt") or "")
    if node.name in ("code", "kbd", "samp", "tt"):
        code = " ".join(node.get_text().split())
        return f"`{code}`" if code and "`" not in code else code
    inner = _inline(node.children)
    if node.name in BLOCKS:  # deep inside a link or span
        return f" {inner} "
    return _emphasised(node, inner)


def _emphasised(node: "Tag", inner: str) -> str:
    """Bold and links marked, where the text inside allows it."""
    words = inner.strip()
    if not words or "\n" in words:
        return inner
    if node.name in ("b", "strong") and "*" not in words:
        marked = f"**{words}**"
    elif node.name == "a" and str(node.get("href", "")).startswith(LINK_SCHEMES) and not re.search(r"[\[\]]", words):
        marked = f"[{words}]({_address(str(node['href']))})"
    else:
        return inner
    return inner.replace(words, marked, 1)


def _address(href: str) -> str:
    return re.sub(r"[()\s<>]", lambda match: f"%{ord(match[0]):02X}", href.strip())
