"""Which tools each kind of actor's planner may choose from."""

from langchain_core.tools import BaseTool

from tools.conversations import hand_over_tool

CUSTOMER_TOOLS: list[BaseTool] = [hand_over_tool]
"""What the bot may do for a customer in a conversation."""
