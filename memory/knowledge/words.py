"""The words of a text that say what it is about."""

import re

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")

STOP_WORDS = frozenset(
    """a about after again all also am an and any are as at be because been before being both but by can cannot could
    did do does doing don't down during each few for from further get give go got had has have having he hello help her
    here hers hey hi him his how i i'd i'll i'm i've if in into is it it's its itself just know let like me more most
    my myself need no nor not of off on once one only or other our ours out over own please same she should so some
    such tell than thank thanks that the their theirs them then there these they this those through to too under until
    up us very want was we were what when where which while who whom why will with would yes you your yours there's
    what's how's can't won't doesn't isn't didn't couldn't possible way work works make use able""".split()
)


def words(text: str) -> list[str]:
    """Lower-case words and numbers, in order; apostrophes inside a word stay."""
    return [word.replace("’", "'") for word in WORD.findall(text.lower())]


def content_words(text: str) -> list[str]:
    """The words without stop words, in order; the parts of `don't` are not told apart."""
    return [word for word in words(text) if word not in STOP_WORDS and (len(word) > 1 or word.isdigit())]
