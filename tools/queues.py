"""Which queue a new ticket waits in."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from memory.tables import Category, Queue

DEFAULT_TEAM = "support_tier1"
TEAM_BY_CATEGORY = {Category.BILLING: "billing"}


def team_for(category: Category) -> str:
    """Before any escalation: billing has a queue of its own, everything else starts at tier 1."""
    return TEAM_BY_CATEGORY.get(category, DEFAULT_TEAM)


def queue_of(session: Session, team: str) -> Queue:
    """The team's queue, or the escalations queue when the team has none. Raises LookupError without either."""
    queues = {
        queue.team: queue for queue in session.scalars(select(Queue).where(Queue.team.in_([team, "escalations"])))
    }
    try:
        return queues.get(team) or queues["escalations"]
    except KeyError:
        raise LookupError("there is no queue for escalations; run `clara seed`") from None
