"""Reads a SQLite write-ahead log: how many commits it holds and how much was written.

The format is documented by SQLite ("Database File Format", section 4): a header of 32 bytes, then frames of a 24-byte
header and a page. The frame that ends a commit has the database's size in pages in its header, all others have 0.
"""

import sqlite3
import struct
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

HEADER = struct.Struct(">8I")
"""Magic, format, page size, checkpoint number, two salts, two checksums."""
FRAME = struct.Struct(">6I")
"""Page, size of the database after a commit, two salts, two checksums."""


@dataclass(frozen=True, slots=True)
class Log:
    commits: int
    written_bytes: int


def empty(file: Path) -> None:
    """Move the log into the database, so that what is in it afterwards is new.

    Raises RuntimeError when somebody still reads from the log.
    """
    with closing(sqlite3.connect(file)) as connection:
        is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise RuntimeError(f"{file.name} is in use")


def committed(file: Path) -> Log:
    """What is in the log of the SQLite file `file`; frames left from before the log began anew do not count."""
    log = file.with_name(f"{file.name}-wal")
    content = log.read_bytes() if log.exists() else b""
    if len(content) < HEADER.size:
        return Log(0, 0)
    _, _, page_size, _, *salts, _, _ = HEADER.unpack_from(content)
    commits = frames = 0
    for start in range(HEADER.size, len(content) - FRAME.size - page_size + 1, FRAME.size + page_size):
        _, size_after, *found, _, _ = FRAME.unpack_from(content, start)
        if found != salts:
            break
        frames += 1
        commits += size_after > 0
    return Log(commits, HEADER.size + frames * (FRAME.size + page_size))
