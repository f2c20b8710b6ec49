"""Which files there are, their text, and which reader takes them."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from memory.knowledge.documents.faq import read_csv, read_json, read_jsonl
from memory.knowledge.documents.html import declared_encoding, read_html
from memory.knowledge.documents.markdown import read_markdown
from memory.knowledge.documents.model import Content, Document, Refused, Unreadable, clean, document, opening_title
from memory.knowledge.documents.pdf import read_pdf
from memory.knowledge.documents.word import read_word

MAX_FILE_BYTES = 50 * 1024 * 1024
"""50 MB: a file is read whole."""
MAX_BODY_CHARACTERS = 20_000_000
"""Of one document, after unpacking."""


def read_documents(path: Path) -> Iterator[Document | Unreadable]:
    """Every document of a file, or of a folder and the folders in it, in the order of their names.

    Hidden files, and in a folder files of other kinds, are skipped. Nothing is raised for what is found on the disk.
    """
    if not path.is_dir():
        yield from _read(path, _text(path.name), _kind(path))
        return
    for file, source, problem in _walk(path, "", ()):
        if problem is not None:
            yield Unreadable(source, problem)
        elif _kind(file) in READERS:
            yield from _read(file, source, _kind(file))


def _walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[Path, str, str | None]]:
    """Files with their sources, or with what is wrong with them. `above`: device and inode of the folders around."""
    try:
        status = folder.stat()
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names, to be sorted
    except OSError as error:
        yield folder, prefix.rstrip("/") or _text(folder.name), _system_reason(error)
        return
    here = (status.st_dev, status.st_ino)
    if here in above:
        yield folder, prefix.rstrip("/"), "The link leads back to a folder that it is in."
        return
    for name in names:
        path, source = folder / name, f"{prefix}{_text(name)}"
        if name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, f"{source}/", (*above, here))
        elif path.is_symlink() and not path.exists():
            yield path, source, "The link leads nowhere."
        else:
            yield path, source, None


def _read(path: Path, source: str, kind: str) -> Iterator[Document | Unreadable]:
    try:
        data = _bytes(path)
        if kind not in READERS:
            raise Refused(
                f"Files of this kind are not read ({kind or 'no extension'}); these are: {', '.join(READERS)}."
            )
        if not data.strip(b" \t\r\n\0\xef\xbb\xbf\xfe\xff"):
            raise Refused("The file is empty.")
        number = 0
        for number, entry in enumerate(READERS[kind](data), 1):
            if entry is not None:
                yield _document(source if kind not in FAQ else f"{source}#{number}", entry)
        if number == 0:
            raise Refused("The file has no entries.")
    except Refused as refusal:
        yield Unreadable(source, str(refusal))


def _document(source: str, entry: Content | Refused) -> Document | Unreadable:
    try:
        if isinstance(entry, Refused):
            raise entry
        if len(entry.body) > MAX_BODY_CHARACTERS:
            raise Refused(f"The text is longer than {MAX_BODY_CHARACTERS:,} characters.")
        return document(source, entry)
    except Refused as refusal:
        return Unreadable(source, str(refusal))


def _bytes(path: Path) -> bytes:
    """Raises Refused for what is no file, too large, or not to be opened."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise Refused("This is not a regular file.")
        if status.st_size > MAX_FILE_BYTES:
            raise Refused(f"The file is larger than {MAX_FILE_BYTES // 2**20} MB.")
        return path.read_bytes()
    except OSError as error:
        raise Refused(_system_reason(error)) from error


def _system_reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "There is no such file or folder."
    if isinstance(error, PermissionError):
        return "There is no permission to read this."
    return f"The system cannot read this: {error.strerror or 'unknown error'}."


def _kind(path: Path) -> str:
    return path.suffix.lower()


def _text(name: str) -> str:
    """A file name as text; names that are not UTF-8 get replacement marks."""
    return clean(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def decode(data: bytes, declared: str | None = None) -> str:
    """UTF-8 or UTF-16 by byte order mark, else UTF-8, else what the file declares, else Windows' Western set."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    for encoding in ("utf-8-sig", declared):
        try:
            if encoding:
                return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("cp1252", "replace")


def _plain(text: str) -> Content:
    title, body = opening_title(text)
    return Content(body, title)


def _text_reader(read: Callable[[str], Content]) -> Callable[[bytes], Iterable[Content]]:
    return lambda data: [read(clean(decode(data)))]


READERS: dict[str, Callable[[bytes], Iterable[Content | Refused | None]]] = {
    ".md": _text_reader(read_markdown),
    ".markdown": _text_reader(read_markdown),
    ".txt": _text_reader(_plain),
    ".html": lambda data: [read_html(clean(decode(data, declared_encoding(data))))],
    ".htm": lambda data: [read_html(clean(decode(data, declared_encoding(data))))],
    ".pdf": lambda data: [read_pdf(data)],
    ".docx": lambda data: [read_word(data)],
    ".csv": lambda data: read_csv(clean(decode(data))),
    ".jsonl": lambda data: read_jsonl(clean(decode(data))),
    ".json": lambda data: read_json(clean(decode(data))),
}
"""By extension. A reader raises Refused for the file; an entry may be a Refused of its own, or None for a blank one."""
FAQ = (".csv", ".jsonl", ".json")
"""Files of several documents."""
