"""What a message asks: one thing or several, and whether it leans on what was asked before."""

import re
from dataclasses import dataclass

from memory.knowledge.search import Hit
from memory.knowledge.words import content_words

MOST_PARTS = 3
"""Questions of one message that are answered one by one; with more, the message is read as a whole."""
PART_WORDS = 2
"""Content words that a question needs to stand for itself."""
FOLLOW_UP_WORDS = 4
"""With at most this many content words and a word that points back, a message leans on the one before."""
POINTS_BACK = re.compile(r"\b(it|its|that|this|these|those|they|them|there|one|ones|same|instead|else|he|she)\b", re.I)
CONTINUES = re.compile(
    r"^\W*(and|but|so|then|also|what about|how about|what if|or|ok(ay)?[, ]+(and|but|so|what))\b", re.I
)
SENTENCE = re.compile(r"[^.?!\n]+(?:[.?!]+(?=\s|$)|[.?!](?=\S)[^.?!\n]*)*[.?!]*", re.UNICODE)
"""Up to a mark that is followed by white space, so that `2.5` and `a.b` stay whole."""
OTHER_QUESTION = re.compile(r"\b(also|another (question|thing)|second(ly)?|one more (question|thing)|besides)\b", re.I)


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as it was understood, and what was found for it."""

    question: str
    context: list[str]
    hits: list[Hit]
    probability: float
    """That the first hit answers."""


def leans_on_context(text: str) -> bool:
    """Whether the message can hardly be understood without the one before."""
    asked = len(content_words(text))
    return asked == 0 or CONTINUES.search(text) is not None or (
        asked <= FOLLOW_UP_WORDS and POINTS_BACK.search(text) is not None
    )  # fmt: skip


def parts_of(text: str) -> list[tuple[str, str]]:
    """The questions of a message that asks several, each with what is told before it; empty for any other message."""
    questions: list[tuple[str, str]] = []
    told: list[str] = []
    for match in SENTENCE.finditer(text):
        sentence = match[0].strip()
        if not sentence:
            continue
        asks = sentence.endswith("?") or (bool(questions) and OTHER_QUESTION.search(sentence) is not None)
        if asks and len(content_words(sentence)) >= PART_WORDS:
            questions.append((sentence, " ".join(told)))
            told = []
        else:
            told.append(sentence)
    return questions if 2 <= len(questions) <= MOST_PARTS else []
