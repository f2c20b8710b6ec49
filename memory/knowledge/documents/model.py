"""What reading gives, and the small decisions about titles and text that every format shares."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from memory.knowledge.blocks import headings_of
from memory.knowledge.prose import plain_text

TITLE_CHARACTERS = 300
"""Longer titles are cut."""
OPENING_WORDS = 12
"""A first line of at most this many words, without a full stop, is taken for the title where a format has none."""


@dataclass(frozen=True, slots=True)
class Document:
    source: str
    """The file's path relative to the folder that was given, with `#n` for an entry of a FAQ file."""
    title: str
    body: str
    """Markdown, never blank."""
    slug: str | None
    """As its author wants it; None: made from the title."""
    category: str | None
    tags: tuple[str, ...]
    questions: tuple[str, ...] = ()
    """What customers ask that it answers, in their words."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    source: str
    reason: str
    """A sentence for the person who gave the file."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a reader finds in one file."""

    body: str
    title: str | None = None
    slug: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()


class Refused(Exception):
    """A file cannot be read; the message is the reason, a sentence for a person."""


def document(source: str, content: Content) -> Document:
    """Settle the title: the format's own, else the body's first `#` heading, else the file's name if it says something.

    What is called `faq001.md`, and an entry of a FAQ file without a question, is named after its first words.

    Raises:
        Refused: there is no text.
    """
    title, body = clean(content.title or "", one_line=True), clean(content.body)
    found, rest = _without_title(body, title)
    title = title or found or title_from_name(source) or title_from_text(rest)
    if not rest.strip():
        raise Refused("There is a title but no text." if body.strip() or content.title else "There is no text.")
    slug = clean(content.slug or "", one_line=True) or None
    category = clean(content.category or "", one_line=True) or None
    return Document(
        source, title[:TITLE_CHARACTERS].rstrip(), rest.strip("\n").rstrip(), slug, category,
        tags=_distinct(content.tags), questions=_distinct(content.questions),
    )  # fmt: skip


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for raw in texts if (text := clean(raw, one_line=True))))


def clean(text: str, *, one_line: bool = False) -> str:
    """Text that every database takes: no NUL, no half of a surrogate pair, line feeds only."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    text = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(text.split()) if one_line else text


def title_from_name(source: str) -> str | None:
    """`guides/reset-password.md` → `Reset password`; None for `faq001.md`, `9f3c-11.md` and entries of a FAQ file."""
    if "#" in source:
        return None
    words = re.sub(r"[-_+.\s]+", " ", PurePosixPath(source).stem).split()
    telling = [word for word in words if word.isalpha()]
    if not telling or 2 * len(telling) < len(words):
        return None
    title = " ".join(words)
    return title[:1].upper() + title[1:]


def title_from_text(markdown: str) -> str:
    """The first line when it is short, else as many of the first words as a title has."""
    line = plain_text(markdown.lstrip().partition("\n")[0]).strip(" #*_>-") or plain_text(markdown)
    words = line.split()
    return " ".join(words[:OPENING_WORDS]) + ("…" if len(words) > OPENING_WORDS else "") or "Untitled"


def opening_title(text: str) -> tuple[str | None, str]:
    """The first line as a title, if it stands alone and reads like one, and what follows it."""
    first, _, rest = text.lstrip().partition("\n")
    line = first.strip()
    stands_alone = not rest.partition("\n")[0].strip()
    is_title = stands_alone and line[:1].isalnum() and line[-1] not in ".,;:!" and len(line.split()) <= OPENING_WORDS
    if is_title and any(character.isalpha() for character in line) and rest.strip():
        return line, rest
    return None, text


def _without_title(body: str, title: str) -> tuple[str | None, str]:
    """The first heading of level 1 and the body without it; with a `title`, the first heading if it repeats that."""
    for heading in headings_of(body):
        if heading.level == 1 if not title else heading.heading.casefold() == title.casefold():
            return heading.heading, body[: heading.start] + body[heading.end :]
        if title:
            break
    return None, body
