from sqlalchemy import delete, func, select

from memory.tables import PermissionRow, Queue, RolePermission, Sla
from tools.foundations import lay_foundations
from tools.permissions import Permission, RoleTable, read_grants


def test_a_new_installation_has_the_seeds_queues_and_slas(session):
    teams = set(session.scalars(select(Queue.team)))
    assert teams == {
        "support_tier1",
        "support_tier2",
        "technical_support",
        "senior_support",
        "escalations",
        "billing",
    }
    assert set(session.scalars(select(Sla.priority))) == {"low", "medium", "high", "urgent"}


def test_csr_holds_the_seeds_grants_and_ours(session):
    assert read_grants(session)["csr"] == {
        "tickets.view",
        "tickets.create",
        "tickets.update",
        "kb.view",
        "reports.view",
        "meetings.view",
        "meetings.manage",
        "tasks.view",
        "tasks.manage",
        "customers.view",
    }


def test_manager_holds_all_but_three(session):
    grants = read_grants(session)
    assert grants["admin"] - grants["manager"] == {"users.delete", "system.settings", "customers.erase"}


def test_laying_foundations_again_changes_nothing_and_restores_no_taken_grant(session):
    row = session.scalar(select(PermissionRow).where(PermissionRow.code == Permission.KB_VIEW))
    session.execute(delete(RolePermission).where(RolePermission.permission_id == row.id, RolePermission.role == "csr"))
    before = session.scalar(select(func.count()).select_from(RolePermission))

    assert lay_foundations(session) is False

    assert session.scalar(select(func.count()).select_from(RolePermission)) == before


def test_grants_are_read_again_only_when_their_stamp_changes(session):
    table = RoleTable()
    held = table.permissions(session, "csr", 1)
    session.execute(delete(RolePermission).where(RolePermission.role == "csr"))
    assert table.permissions(session, "csr", 1) == held
    assert table.permissions(session, "csr", 2) == frozenset()
