"""What every installation needs before its first customer: permissions, grants, queues, SLAs, counters."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from memory.database import take_turns
from memory.tables import Counter, PermissionRow, Priority, Queue, RolePermission, Sla
from tools.permissions import DESCRIPTIONS, GRANTS, touch_permissions_stamp

MINUTE, HOUR = 60, 3_600

QUEUES: dict[str, tuple[str, str]] = {
    "support_tier1": ("Tier 1 Support", "First line: everything that no other queue takes."),
    "support_tier2": ("Tier 2 Support", "Questions the knowledge base could not answer."),
    "technical_support": ("Technical Support", "Urgent and hard technical problems."),
    "senior_support": ("Senior Support", "Urgent problems of VIP customers."),
    "escalations": ("Escalations", "Everything escalated for another reason."),
    "billing": ("Billing", "Invoices, payments, plans and refunds."),
}
"""Name and purpose by team."""

SLAS: dict[Priority, tuple[str, int, int]] = {
    Priority.URGENT: ("Urgent", 30 * MINUTE, 4 * HOUR),
    Priority.HIGH: ("High", 2 * HOUR, 8 * HOUR),
    Priority.MEDIUM: ("Medium", 8 * HOUR, 24 * HOUR),
    Priority.LOW: ("Low", 24 * HOUR, 72 * HOUR),
}
"""Name, seconds to the first answer and seconds to the resolution by priority."""

FIRST_TICKET_NUMBER = 1001


def lay_foundations(session: Session) -> bool:
    """Insert what is missing and change nothing that is there; returns whether anything was missing.

    Grants are only given with the permission's own first insertion: one that an admin took away stays away.
    """
    take_turns(session, "foundations")
    changed = _add_permissions(session)
    present = set(session.scalars(select(Queue.team)))
    session.add_all(
        Queue(team=team, name=name, description=purpose)
        for team, (name, purpose) in QUEUES.items()
        if team not in present
    )
    covered = set(session.scalars(select(Sla.priority)))
    session.add_all(
        Sla(name=name, priority=priority, respond_within=respond, resolve_within=resolve)
        for priority, (name, respond, resolve) in SLAS.items()
        if priority not in covered
    )
    if session.get(Counter, "ticket") is None:
        session.add(Counter(name="ticket", value=FIRST_TICKET_NUMBER - 1))
    changed = changed or bool(session.new)
    session.flush()
    return changed


def _add_permissions(session: Session) -> bool:
    present = set(session.scalars(select(PermissionRow.code)))
    missing = [permission for permission in DESCRIPTIONS if permission.value not in present]
    for permission in missing:
        row = PermissionRow(code=permission.value, description=DESCRIPTIONS[permission], category=permission.category)
        session.add(row)
        session.flush()
        session.add_all(
            RolePermission(role=role.value, permission_id=row.id)
            for role, granted in GRANTS.items()
            if permission in granted
        )
    if missing:
        touch_permissions_stamp(session)
    return bool(missing)
