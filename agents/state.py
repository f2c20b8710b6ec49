"""What the support graph passes along: a small checkpointed state, and the means of one turn, which are not kept."""

from dataclasses import dataclass
from typing import Annotated, TypedDict
from uuid import UUID

from langchain_core.messages import AnyMessage, ToolCall
from langgraph.channels import UntrackedValue

from agents.classifier import Classification, Classifier
from agents.confidence import Confidence
from agents.models import Writer
from agents.questions import Reading
from memory.conversations import Line
from memory.knowledge.search import Hit, Knowledge
from memory.tables import Channel, ConversationHolder
from settings import Settings
from tools.caller import Caller


class CitationOut(TypedDict):
    """As in the Reply. `quote` is verbatim text of that version of the article."""

    n: int
    article_id: str
    title: str
    version: int
    quote: str
    url: str
    chunk_id: str
    score: float


class Draft(TypedDict):
    """The answer of a turn."""

    text: str
    outcome: str
    confidence: float | None
    citations: list[CitationOut]


class SupportState(TypedDict, total=False):
    """Checkpointed, so plain values only, and few: a node returns the keys it changes and no others.

    The transcript is not here. What is marked untracked lives for one run and is never written.
    """

    turn_id: str
    text: str
    """The customer's message."""
    topics: list[str]
    """The last questions that were about the product, newest first, for a follow-up to refer to."""
    asked_back: bool
    """The last answer was a question of ours."""
    calls: list[AnyMessage]
    """This turn's tool calls and their results; cleared by the first node."""
    draft: Annotated[Draft | None, UntrackedValue]
    classification: Annotated[Classification, UntrackedValue]
    question: Annotated[str, UntrackedValue]
    """The message as a question that stands alone."""
    context: Annotated[list[str], UntrackedValue]
    """What it was read together with, newest first; empty when it was read alone."""
    hits: Annotated[list[Hit], UntrackedValue]
    probability: Annotated[float, UntrackedValue]
    """That the first hit answers the question."""
    parts: Annotated[list[Reading], UntrackedValue]
    """When the message asks several things of which two or more can be answered: each by itself."""


@dataclass(frozen=True, slots=True)
class Turn(Caller):
    """The means of one turn."""

    settings: Settings
    knowledge: Knowledge
    classifier: Classifier
    confidence: Confidence
    writer: Writer | None
    """A language model, when there is one."""
    conversation_id: UUID
    channel: Channel
    holder: ConversationHolder
    history: tuple[Line, ...] = ()
    plan: list[ToolCall] | None = None
    """The tool calls that an earlier run of this turn decided on."""


def draft(
    text: str, outcome: str, *, confidence: float | None = None, citations: list[CitationOut] | None = None
) -> Draft:
    return {"text": text, "outcome": outcome, "confidence": confidence, "citations": citations or []}
