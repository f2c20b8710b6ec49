"""The one place that names a language model: opening it, and answering through it with every sentence checked."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from langchain_core.messages import HumanMessage, SystemMessage

from agents.extraction import Piece
from agents.prompts import ANSWER_SYSTEM, ANSWER_USER
from memory.knowledge.encoder import Encoder
from memory.knowledge.search import Hit
from memory.knowledge.units import units_of
from memory.knowledge.words import stems
from settings import Settings

if TYPE_CHECKING:  # most installations have no model, and every start would pay for it
    from langchain_core.language_models import BaseChatModel

MARK = re.compile(r"\s*\[(\d{1,2})\]")
SENTENCE_END = re.compile(r"(?<=[.!?:])(?:\s*\[\d{1,2}\])*\s+(?=[^\s\[])|\n+")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
SUPPORTED_WORDS = 0.6
"""Share of a sentence's content words that must stand in the passage it cites."""
SUPPORTED_COSINE = 0.55
"""Cosine of a sentence and the best sentence of that passage, below which it is not supported."""
NO_ANSWER = "NO ANSWER"
PROBE_SECONDS = 0.5
"""How long `auto` waits for Ollama."""

log = structlog.get_logger(__name__)


class Unsupported(Exception):
    """The model said something that its passages do not."""


class Writer:
    """Writes answers with a chat model. What it cannot support, or not in time, it leaves to extraction."""

    def __init__(self, model: "BaseChatModel", encoder: Encoder, *, timeout: float) -> None:
        self.model = model
        self.encoder = encoder
        self.timeout = timeout

    async def write(self, question: str, hits: Sequence[Hit], show: Callable[[Any], None]) -> list[Piece] | None:
        """The answer as checked pieces, each shown as soon as it is checked; None when extraction must answer."""
        try:
            async with asyncio.timeout(self.timeout):
                return await self._write(question, hits, show)
        except Unsupported as fault:
            log.info("model_answer_unsupported", why=str(fault))
        except TimeoutError:
            log.warning("model_too_slow", seconds=self.timeout)
        except Exception as fault:  # providers raise what they like; extraction can always answer
            log.warning("model_failed", error=type(fault).__name__)
        return None

    async def _write(self, question: str, hits: Sequence[Hit], show: Callable[[Any], None]) -> list[Piece]:
        passages = "\n\n".join(f"[{n}] {hit.title}\n{hit.content}" for n, hit in enumerate(hits, start=1))
        messages = [
            SystemMessage(ANSWER_SYSTEM),
            HumanMessage(ANSWER_USER.format(passages=passages, question=question)),
        ]
        pieces: list[Piece] = []
        async for sentence in _sentences(self.model, messages):
            piece = await asyncio.to_thread(self.checked, sentence, hits)
            pieces.append(piece)
            show({"token": f"{piece.shown} "})
        if not pieces:
            raise Unsupported("the model said nothing")
        return pieces

    def checked(self, sentence: str, hits: Sequence[Hit]) -> Piece:
        """The sentence with the passage's sentence that carries it. Raises Unsupported."""
        text = MARK.sub("", sentence).strip()
        if NO_ANSWER in text:
            raise Unsupported("the model found no answer")
        cited = [int(number) for number in MARK.findall(sentence)]
        candidates = [hits[n - 1] for n in cited if 0 < n <= len(hits)] if cited else list(hits)
        if not candidates:
            raise Unsupported("it cites a passage that does not exist")
        vector = self.encoder.encode([text])[0]
        best: tuple[float, str, Hit] | None = None
        for hit in candidates:
            units = [unit.text for unit in units_of(hit.content)] or [hit.content]
            cosines = self.encoder.encode(units) @ vector
            nearest = int(cosines.argmax())
            if best is None or float(cosines[nearest]) > best[0]:
                best = (float(cosines[nearest]), units[nearest], hit)
        assert best is not None
        cosine, quote, hit = best
        source = f"{hit.title} {hit.content}"
        if not set(NUMBER.findall(text)) <= set(NUMBER.findall(source)):
            raise Unsupported("a number that is not in the passage")
        if cosine < SUPPORTED_COSINE or _coverage(text, source) < SUPPORTED_WORDS:
            raise Unsupported("a sentence that the passage does not support")
        return Piece(text, quote, hit)


def _coverage(sentence: str, source: str) -> float:
    """Share of the sentence's content words that stand in the source, by their first letters; 0 without any."""
    said = stems(sentence)
    return len(said & stems(source)) / len(said) if said else 0.0


async def _sentences(model: "BaseChatModel", messages: list[Any]) -> AsyncIterator[str]:
    """The model's text, a sentence at a time, as it streams in; marks stay with the sentence before them."""
    pending = ""
    async for chunk in model.astream(messages):
        pending += str(chunk.content)
        while match := SENTENCE_END.search(pending):
            sentence, pending = pending[: match.end()], pending[match.end() :]
            if sentence.strip():
                yield sentence.strip()
    if pending.strip():
        yield pending.strip()


def open_writer(settings: Settings, encoder: Encoder) -> Writer | None:
    """The configured model, or None when there is none. Importing a provider waits until one is wanted."""
    name = settings.llm
    if name == "auto":
        name = _first_ollama_model(settings.ollama_url)
    if name == "none":
        return None
    if name.startswith("ollama:"):
        from langchain_ollama import ChatOllama  # noqa: PLC0415 - only when asked for

        model: BaseChatModel = ChatOllama(
            model=name.removeprefix("ollama:"), base_url=settings.ollama_url, temperature=0
        )
    else:
        from langchain.chat_models import init_chat_model  # noqa: PLC0415 - only when asked for

        model = init_chat_model(name, temperature=0)
    return Writer(model, encoder, timeout=settings.llm_timeout)


def _first_ollama_model(url: str) -> str:
    """`ollama:NAME` of the first model that Ollama has, or `none` when it does not answer or has none."""
    import httpx  # noqa: PLC0415 - only when asked for

    try:
        models = httpx.get(f"{url}/api/tags", timeout=PROBE_SECONDS).raise_for_status().json()["models"]
    except (httpx.HTTPError, ValueError, KeyError):
        return "none"
    return f"ollama:{models[0]['name']}" if models else "none"
