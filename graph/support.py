"""What follows what in a customer's turn. Read it as the diagram in `docs/graph.md`, which is generated from it."""

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode
from langgraph.runtime import Runtime

from agents.escalation import confirm_handover, plan_handover, wait_for_person
from agents.faq import answer, clarify, judge, search_knowledge
from agents.intake import asks_for_person, begin, classify, is_small_talk
from agents.smalltalk import refuse, small_talk
from agents.state import SupportState, Turn
from memory.tables import ConversationHolder
from tools.registry import CUSTOMER_TOOLS

SupportGraph = CompiledStateGraph[SupportState, Turn, SupportState, SupportState]


def build_support_graph(checkpointer: BaseCheckpointSaver[str] | None) -> SupportGraph:
    graph = StateGraph(SupportState, context_schema=Turn)

    graph.add_node(begin)
    graph.add_node(wait_for_person)
    graph.add_node(classify)
    graph.add_node(small_talk)
    graph.add_node(search_knowledge)
    graph.add_node(answer)
    graph.add_node(clarify)
    graph.add_node(refuse)
    graph.add_node(plan_handover)
    graph.add_node("run_tools", ToolNode(CUSTOMER_TOOLS, messages_key="calls", handle_tool_errors=False))
    graph.add_node(confirm_handover)

    graph.add_edge(START, "begin")
    graph.add_conditional_edges("begin", whose_turn, {"bot": "classify", "person": "wait_for_person"})
    graph.add_conditional_edges(
        "classify",
        by_intent,
        {"person": "plan_handover", "small_talk": "small_talk", "question": "search_knowledge"},
    )
    graph.add_conditional_edges(
        "search_knowledge",
        by_confidence,
        {"answer": "answer", "clarify": "clarify", "not_ours": "refuse", "none": "plan_handover"},
    )
    graph.add_edge("plan_handover", "run_tools")
    graph.add_edge("run_tools", "confirm_handover")
    for last in ("wait_for_person", "small_talk", "answer", "clarify", "refuse", "confirm_handover"):
        graph.add_edge(last, END)

    return graph.compile(checkpointer=checkpointer, name="support")


def whose_turn(state: SupportState, runtime: Runtime[Turn]) -> str:
    """A turn that was cut off after its own handover is finished by the bot, which promised to say what it did."""
    turn = runtime.context
    is_handing_over = turn.plan is not None and turn.holder is ConversationHolder.WAITING
    return "bot" if turn.holder is ConversationHolder.BOT or is_handing_over else "person"


def by_intent(state: SupportState, runtime: Runtime[Turn]) -> str:
    if runtime.context.plan is not None or asks_for_person(state):
        return "person"
    return "small_talk" if is_small_talk(state) else "question"


def by_confidence(state: SupportState, runtime: Runtime[Turn]) -> str:
    return judge(state, runtime.context.settings)
