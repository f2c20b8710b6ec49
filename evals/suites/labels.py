"""The classification suite with an outcome for every labelled message and a confusion matrix, from what it gives."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

from agents.training import read_labelled
from evals.context import Run
from evals.suites import WHOLE, Result, row
from evals.suites.classification import classification
from graph.means import LABELLED_MESSAGES

ID_CHARACTERS = 12


def labels(run: Run) -> Mapping[str, Result]:
    messages = [(message.text, message.intent) for message in read_labelled(LABELLED_MESSAGES)]
    return {WHOLE: with_cases(classification(run.half, run.step("Classifying")), messages)}


def with_cases(result: Result, messages: Sequence[tuple[str, str]]) -> Result:
    """The result with outcomes and a confusion matrix, where it has none: what is no failure was labelled rightly.

    Args:
        messages: text and intent of each. A case's id is a digest of both, with a number for one that occurs again.
    """
    given = {(failure["text"], failure["wanted"]): failure["given"] for failure in result.failures}
    seen, confusion, cases = Counter[str](), Counter[tuple[str, str]](), []
    for text, wanted in messages:
        found = given.get((text, wanted), wanted)
        confusion[wanted, found] += 1
        digest = hashlib.sha256(f"{wanted}\0{text}".encode()).hexdigest()[:ID_CHARACTERS]
        seen[digest] += 1
        cases.append(row(digest if seen[digest] == 1 else f"{digest}-{seen[digest]}", accuracy=found == wanted))
    counts = [{"wanted": wanted, "given": found, "count": n} for (wanted, found), n in sorted(confusion.items())]
    return Result(result.figures, result.failures, result.cases or cases, {"confusion": counts, **result.plots})
