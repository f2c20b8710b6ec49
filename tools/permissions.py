"""Who is asking, and what they may do.

The codes, their texts and the grants of admin, manager and csr are the guide's own; `meetings.*`, `tasks.*` and
`customers.*` are ours. Grants live in `role_permissions`, so that admins can change them.
"""

import enum
from dataclasses import dataclass, field
from threading import Lock
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from errors import Forbidden
from memory.tables import AppSetting, PermissionRow, Role, RolePermission


class Permission(enum.StrEnum):
    TICKETS_VIEW = "tickets.view"
    TICKETS_CREATE = "tickets.create"
    TICKETS_UPDATE = "tickets.update"
    TICKETS_DELETE = "tickets.delete"
    TICKETS_ASSIGN = "tickets.assign"
    USERS_VIEW = "users.view"
    USERS_CREATE = "users.create"
    USERS_UPDATE = "users.update"
    USERS_DELETE = "users.delete"
    KB_VIEW = "kb.view"
    KB_CREATE = "kb.create"
    KB_UPDATE = "kb.update"
    KB_PUBLISH = "kb.publish"
    KB_DELETE = "kb.delete"
    REPORTS_VIEW = "reports.view"
    REPORTS_EXPORT = "reports.export"
    SYSTEM_SETTINGS = "system.settings"
    SYSTEM_LOGS = "system.logs"
    MEETINGS_VIEW = "meetings.view"
    MEETINGS_MANAGE = "meetings.manage"
    TASKS_VIEW = "tasks.view"
    TASKS_MANAGE = "tasks.manage"
    CUSTOMERS_VIEW = "customers.view"
    CUSTOMERS_ERASE = "customers.erase"

    @property
    def category(self) -> str:
        return self.value.split(".")[0]


DESCRIPTIONS: dict[Permission, str] = {
    Permission.TICKETS_VIEW: "View tickets",
    Permission.TICKETS_CREATE: "Create tickets",
    Permission.TICKETS_UPDATE: "Update tickets",
    Permission.TICKETS_DELETE: "Delete tickets",
    Permission.TICKETS_ASSIGN: "Assign tickets to others",
    Permission.USERS_VIEW: "View users",
    Permission.USERS_CREATE: "Create users",
    Permission.USERS_UPDATE: "Update users",
    Permission.USERS_DELETE: "Delete users",
    Permission.KB_VIEW: "View KB articles",
    Permission.KB_CREATE: "Create KB articles",
    Permission.KB_UPDATE: "Update KB articles",
    Permission.KB_PUBLISH: "Publish KB articles",
    Permission.KB_DELETE: "Delete KB articles",
    Permission.REPORTS_VIEW: "View reports",
    Permission.REPORTS_EXPORT: "Export reports",
    Permission.SYSTEM_SETTINGS: "Manage system settings",
    Permission.SYSTEM_LOGS: "View system logs",
    Permission.MEETINGS_VIEW: "View meetings",
    Permission.MEETINGS_MANAGE: "Create and change meetings",
    Permission.TASKS_VIEW: "View tasks",
    Permission.TASKS_MANAGE: "Create and change tasks",
    Permission.CUSTOMERS_VIEW: "View customers",
    Permission.CUSTOMERS_ERASE: "Export and erase customers' data",
}

EVERY_ROLE = frozenset(
    {Permission.MEETINGS_VIEW, Permission.MEETINGS_MANAGE, Permission.TASKS_VIEW, Permission.TASKS_MANAGE}
)
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.MANAGER: frozenset(Permission)
    - {Permission.USERS_DELETE, Permission.SYSTEM_SETTINGS, Permission.CUSTOMERS_ERASE},
    Role.CSR: EVERY_ROLE
    | {
        Permission.TICKETS_VIEW,
        Permission.TICKETS_CREATE,
        Permission.TICKETS_UPDATE,
        Permission.KB_VIEW,
        Permission.REPORTS_VIEW,
        Permission.CUSTOMERS_VIEW,
    },
    Role.SALES: EVERY_ROLE | {Permission.CUSTOMERS_VIEW},
    Role.MARKETING: EVERY_ROLE,
}
"""What a new installation starts with."""


class ActorKind(enum.StrEnum):
    STAFF = "staff"
    CUSTOMER = "customer"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. It comes from the caller's own session or token, never from a model's words."""

    kind: ActorKind
    id: UUID | None = None
    """The user's, for staff."""
    permissions: frozenset[str] = field(default_factory=frozenset)
    conversation_id: UUID | None = None
    """The one conversation that a customer's token opens."""
    customer_id: UUID | None = None
    """Only of a customer who has confirmed the e-mail address."""

    def may(self, permission: Permission) -> bool:
        return self.kind is ActorKind.SYSTEM or permission.value in self.permissions


SYSTEM = Actor(ActorKind.SYSTEM)
"""The worker, seeding and the command line on the machine itself."""


def require(actor: Actor, permission: Permission) -> None:
    """Raises Forbidden unless the actor holds `permission`."""
    if not actor.may(permission):
        raise Forbidden(f"This needs the permission {permission.value}.")


PERMISSIONS_STAMP = "permissions_stamp"
"""The `app_settings` row whose value changes with every change of a grant."""


class RoleTable:
    """The grants of every role, read again only when their stamp has changed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stamp: object = None
        self._grants: dict[str, frozenset[str]] = {}

    def permissions(self, session: Session, role: str, stamp: object) -> frozenset[str]:
        """What `role` may do; `stamp` is the stored one, read by the caller together with the user."""
        with self._lock:
            if stamp is None or stamp != self._stamp:
                self._grants = read_grants(session)
                self._stamp = stamp
            return self._grants.get(role, frozenset())


def read_grants(session: Session) -> dict[str, frozenset[str]]:
    """Permission codes by role."""
    rows = session.execute(
        select(RolePermission.role, PermissionRow.code).join(
            PermissionRow, PermissionRow.id == RolePermission.permission_id
        )
    )
    grants: dict[str, set[str]] = {}
    for role, code in rows:
        grants.setdefault(role, set()).add(code)
    return {role: frozenset(codes) for role, codes in grants.items()}


def touch_permissions_stamp(session: Session) -> None:
    """Call in the transaction that changes a grant: every process then reads the grants anew."""
    row = session.get(AppSetting, PERMISSIONS_STAMP)
    if row is None:
        session.add(AppSetting(name=PERMISSIONS_STAMP, value={"stamp": 1}))
    else:
        row.value = {"stamp": row.value["stamp"] + 1}
