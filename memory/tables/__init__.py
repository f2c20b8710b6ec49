"""The schema, a file a noun. Importing this package defines every table."""

from memory.tables.base import Table
from memory.tables.conversations import (
    Conversation,
    ConversationHolder,
    Message,
    MessageAuthor,
    ToolEffect,
    Turn,
    TurnStatus,
)
from memory.tables.customers import Customer
from memory.tables.jobs import AppSetting, Counter, Event, IdempotencyKey, Job, JobStatus
from memory.tables.knowledge import (
    Article,
    ArticleStatus,
    ArticleVersion,
    Chunk,
    Citation,
    Feedback,
    StoredVector,
)
from memory.tables.logs import AdminCommand, AdminCommandStatus, LogLevel, SystemLog, TeamMetric
from memory.tables.meetings import Meeting, MeetingAttendee, MeetingStatus
from memory.tables.tasks import Task, TaskStatus
from memory.tables.tickets import (
    Category,
    Channel,
    Priority,
    Queue,
    Sla,
    Ticket,
    TicketComment,
    TicketHistory,
    TicketStatus,
)
from memory.tables.users import PermissionRow, RefreshSession, Role, RolePermission, User

__all__ = [
    "AdminCommand",
    "AdminCommandStatus",
    "AppSetting",
    "Article",
    "ArticleStatus",
    "ArticleVersion",
    "Category",
    "Channel",
    "Chunk",
    "Citation",
    "Conversation",
    "ConversationHolder",
    "Counter",
    "Customer",
    "Event",
    "Feedback",
    "IdempotencyKey",
    "Job",
    "JobStatus",
    "LogLevel",
    "Meeting",
    "MeetingAttendee",
    "MeetingStatus",
    "Message",
    "MessageAuthor",
    "PermissionRow",
    "Priority",
    "Queue",
    "RefreshSession",
    "Role",
    "RolePermission",
    "Sla",
    "StoredVector",
    "SystemLog",
    "Table",
    "Task",
    "TaskStatus",
    "TeamMetric",
    "Ticket",
    "TicketComment",
    "TicketHistory",
    "TicketStatus",
    "ToolEffect",
    "Turn",
    "TurnStatus",
    "User",
]
