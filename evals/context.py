"""What the suites of one run share: which cases, the encoder, and every collection ingested and searched once."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from evals.cases import Half, Question
from evals.collections import USERS, Collection, names_of_articles, own, with_slugs
from evals.homes import AGENTS, CODE, Ingested, Say, code_digest, copied, keep_only, kept_home, lend_classifier, opened
from evals.installation import evals_settings
from evals.searching import Outcome, search_all
from evals.suites import Progress
from graph.run import Support, open_support
from memory.knowledge.encoder import Encoder, open_encoder
from settings import Settings

Step = Callable[[str], Progress]
"""Called with what begins; gives what is called as it goes on."""


@dataclass
class Run:
    half: Half
    collections: Sequence[Collection]
    root: Path
    """Where ingested collections are kept."""
    step: Step
    say: Say
    unknown: dict[str, list[str]] = field(default_factory=dict)
    """By collection, articles that cases name and the knowledge base does not have."""
    _searched: dict[str, list[Outcome]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for patterns in (CODE, (AGENTS,)):
            code_digest(*patterns)  # before anybody changes a file that is loaded already

    @cached_property
    def settings(self) -> Settings:
        return evals_settings(self.root)

    @cached_property
    def encoder(self) -> Encoder:
        """One for all collections, so that a question is encoded once."""
        return open_encoder(self.settings.encoder)

    @property
    def answered(self) -> Collection:
        """The collection that whole answers are judged on: the user's, else ours."""
        return next((each for each in self.collections if each.name == USERS), own(self.half))

    def home(self, collection: Collection) -> Path:
        progress = self.step(f"Ingesting {collection.name}")
        return kept_home(self.root, collection, self.encoder, progress, self.say)

    def copy(self, collection: Collection) -> AbstractContextManager[Ingested]:
        """Of the collection's home, to be written to."""
        return copied(self.home(collection), self.encoder)

    @asynccontextmanager
    async def support(self, collection: Collection) -> AsyncIterator[tuple[Ingested, Support]]:
        """A copy of the collection's home, and what answers customers there."""
        with self.copy(collection) as ingested:
            lend_classifier(self.root, ingested)
            async with open_support(ingested.settings, ingested.sessions, knowledge=ingested.knowledge) as support:
                yield ingested, support

    def questions(self, collection: Collection, ingested: Ingested) -> list[Question]:
        """With their articles as slugs."""
        names = names_of_articles(ingested.sessions)
        named = {name for question in collection.questions for name in question.articles}
        unknown = sorted(named - set(names))
        if unknown and collection.name not in self.unknown:
            self.unknown[collection.name] = unknown
            self.say(f"{collection.name}: named by cases, but not in the knowledge base: {', '.join(unknown)}")
        return [with_slugs(question, names) for question in collection.questions]

    def outcomes(self, collection: Collection) -> list[Outcome]:
        """Of every question of the collection, in their order."""
        if collection.name not in self._searched:
            with opened(self.home(collection), self.encoder) as ingested:
                questions = self.questions(collection, ingested)
                progress = self.step(f"Searching {collection.name}")
                self._searched[collection.name] = search_all(ingested, questions, progress)
        return self._searched[collection.name]

    def outcomes_of_halves(self, collection: Collection) -> Iterator[list[Outcome]]:
        """Of every question, for each split of the collection with half of its entries removed."""
        progress = self.step(f"Searching halves of {collection.name}")
        with self.copy(collection) as ingested:
            for done, kept in enumerate(collection.halves(), start=1):
                keep_only(ingested, kept)
                names = names_of_articles(ingested.sessions)
                questions = [
                    replace(with_slugs(question, names), answerable=not question.articles.isdisjoint(names))
                    for question in collection.questions
                ]
                yield search_all(ingested, questions)
                progress(done, collection.splits)
