"""Demo data that a person can click through: the guide's users and three more, customers, tickets, meetings, tasks."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from memory.database import Sessions, transaction
from memory.tables import (
    Category,
    Channel,
    Customer,
    Meeting,
    MeetingAttendee,
    MeetingStatus,
    Priority,
    Role,
    Task,
    TaskStatus,
    Ticket,
    TicketComment,
    TicketStatus,
    User,
)
from memory.tables.base import utc_now
from settings import Settings
from tools.escalation import EscalationReason, escalate_ticket
from tools.passwords import hash_password
from tools.permissions import SYSTEM
from tools.sla import start_clocks
from tools.tickets import Labels, create_ticket, record, snapshot
from tools.users import add_user

USERS: tuple[tuple[str, str, Role, str], ...] = (
    ("admin@clara.ai", "Admin User", Role.ADMIN, "admin"),
    ("husnain@clara.ai", "Husnain (Support)", Role.MANAGER, "support_tier1"),
    ("faheem@clara.ai", "Faheem (Sales)", Role.MANAGER, "sales"),
    ("sheryar@clara.ai", "Sheryar (Marketing)", Role.MANAGER, "marketing"),
    ("ayesha@clara.ai", "Ayesha Malik", Role.CSR, "support_tier1"),
    ("omar@clara.ai", "Omar Siddiqui", Role.SALES, "sales"),
    ("lena@clara.ai", "Lena Hoffmann", Role.MARKETING, "marketing"),
)

CUSTOMERS: tuple[tuple[str, str, str, bool, str], ...] = (
    ("Nora Lindqvist", "nora@fjordbikes.example", "Fjord Bikes", True, "Europe/Stockholm"),
    ("Mateo Rossi", "mateo@rossi-legal.example", "Studio Rossi", False, "Europe/Rome"),
    ("Priya Nair", "priya@brightclinic.example", "Bright Clinic", False, "Asia/Kolkata"),
    ("Jack Thompson", "jack@thompsonroofing.example", "Thompson Roofing", False, "America/Chicago"),
    ("Chidi Okafor", "chidi@lagoslogistics.example", "Lagos Logistics", True, "Africa/Lagos"),
    ("Sofia Almeida", "sofia@almeidadesign.example", "Almeida Design", False, "America/Sao_Paulo"),
)


@dataclass(frozen=True, slots=True)
class DemoTicket:
    customer: int
    hours_ago: float
    subject: str
    description: str
    intent: str
    category: Category
    priority: Priority
    channel: Channel = Channel.CHAT
    assignee: str | None = None
    escalate: EscalationReason | None = None
    answer: str | None = None
    """A public comment of the assignee, some time later."""
    resolved: bool = False


TICKETS: tuple[DemoTicket, ...] = (
    DemoTicket(
        0, 0.4, "Nobody in the team can sign in",
        "Since this morning all twelve of us are thrown back to the sign-in page. We open in an hour, please help.",
        "login_issue", Category.TECHNICAL, Priority.URGENT, escalate=EscalationReason.AUTO,
    ),
    DemoTicket(
        1, 3, "Invoice shows the old company name",
        "We changed our name in June but the invoice of this month still has the old one. Our tax adviser refuses it.",
        "invoice_request", Category.BILLING, Priority.MEDIUM, Channel.EMAIL, assignee="ayesha@clara.ai",
        answer="Hello Mateo, I have corrected the name. The new copy of the invoice is in your inbox.",
    ),
    DemoTicket(
        2, 26, "CSV import stops at row 4,201",
        "The import of our patients' contact list always stops at the same row without an error message.",
        "import_contacts", Category.TECHNICAL, Priority.HIGH, escalate=EscalationReason.LOW_CONFIDENCE,
    ),
    DemoTicket(
        3, 49, "Charged twice for October", "There are two charges on my card from the same day.",
        "refund_request", Category.BILLING, Priority.HIGH, assignee="ayesha@clara.ai",
        answer="Hi Jack, the second charge was a failed retry. It is refunded and reaches you in a few days.",
        resolved=True,
    ),
    DemoTicket(
        4, 5, "Need a data processing agreement", "Our auditors ask for a signed DPA before Friday.",
        "data_privacy", Category.GENERAL, Priority.MEDIUM, Channel.EMAIL,
    ),
    DemoTicket(
        5, 1.5, "Talk to somebody about yearly plans", "I would like to speak to a person about paying by the year.",
        "talk_to_human", Category.GENERAL, Priority.LOW, escalate=EscalationReason.ASKED_FOR_PERSON,
    ),
    DemoTicket(
        0, 75, "Webhook delivers every event twice", "Since the update our endpoint gets each deal event two times.",
        "api_webhooks", Category.TECHNICAL, Priority.MEDIUM, Channel.API, assignee="husnain@clara.ai",
        answer="Thanks for the log, Nora. We found the cause and fixed it; please tell me if you see it again.",
        resolved=True,
    ),
)  # fmt: skip


def add_demo(settings: Settings, sessions: Sessions) -> str:
    """Add the demo data once; returns what to tell the person who asked for it.

    All demo users share one password: `CLARA_PASSWORD`, or one that is made up and said here, this once.
    """
    with transaction(sessions) as session:
        if session.scalar(select(Customer.id).where(Customer.email == CUSTOMERS[0][1])) is not None:
            return "The demo data is there already."
        given = settings.password.get_secret_value() if settings.password else None
        password = given or secrets.token_urlsafe(12)
        users = _add_users(session, settings, password)
        customers = _add_customers(session)
        tickets = [_add_ticket(session, demo, customers, users) for demo in TICKETS]
        meetings = _add_meetings(session, users, utc_now())
        _add_tasks(session, users, tickets, meetings, utc_now())
    people = ", ".join(email for email, *_ in USERS)
    known = "the password in CLARA_PASSWORD" if given else f"the password {password} (shown this once)"
    return f"Added demo data. Sign in at /app as {people} with {known}."


def _add_users(session: Session, settings: Settings, password: str) -> dict[str, User]:
    password_hash = hash_password(settings, password)
    users = {user.email: user for user in session.scalars(select(User))}
    for email, name, role, team in USERS:
        if email not in users:
            users[email] = add_user(
                session, SYSTEM, email=email, display_name=name, role=role, team=team, password_hash=password_hash
            )
    return users


def _add_customers(session: Session) -> list[Customer]:
    customers = [
        Customer(name=name, email=email, company=company, vip=vip, time_zone=zone)
        for name, email, company, vip, zone in CUSTOMERS
    ]
    session.add_all(customers)
    session.flush()
    return customers


def _add_ticket(session: Session, demo: DemoTicket, customers: list[Customer], users: dict[str, User]) -> Ticket:
    """A ticket with the life that its description tells, through the operations that make real ones."""
    opened = utc_now() - timedelta(hours=demo.hours_ago)
    ticket = create_ticket(
        session, SYSTEM, subject=demo.subject, description=demo.description,
        labels=Labels(demo.intent, demo.category, demo.priority), channel=demo.channel,
        customer_id=customers[demo.customer].id,
    )  # fmt: skip
    ticket.created_at = opened
    start_clocks(session, ticket)
    if demo.escalate is not None:
        escalate_ticket(session, SYSTEM, ticket.id, demo.escalate)
    if demo.assignee is not None:
        before = snapshot(ticket)
        ticket.assigned_to = users[demo.assignee].id
        record(session, SYSTEM, ticket, "assigned", comment=None, old=before)
    if demo.answer is not None and ticket.assigned_to is not None:
        _answer(session, ticket, ticket.assigned_to, demo, opened)
    session.flush()
    return ticket


def _answer(session: Session, ticket: Ticket, author: UUID, demo: DemoTicket, opened: datetime) -> None:
    before = snapshot(ticket)
    answered = opened + timedelta(hours=min(1.0, demo.hours_ago / 2))
    session.add(TicketComment(ticket_id=ticket.id, author_id=author, body=demo.answer or "", created_at=answered))
    ticket.first_responded_at = answered
    ticket.status = TicketStatus.RESOLVED if demo.resolved else TicketStatus.PENDING
    ticket.resolved_at = answered if demo.resolved else None
    record(session, SYSTEM, ticket, "resolved" if demo.resolved else "commented", comment=demo.answer, old=before)


def _add_meetings(session: Session, users: dict[str, User], now: datetime) -> list[Meeting]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    plans = (
        ("Support stand-up", 1, 9, 15, "standup", "Zoom", ["husnain@clara.ai", "ayesha@clara.ai"]),
        ("Escalation review", 2, 14, 60, "review", "Office", ["husnain@clara.ai", "admin@clara.ai", "ayesha@clara.ai"]),
        ("Spring campaign planning", 3, 10, 45, "planning", "Google Meet", ["sheryar@clara.ai", "lena@clara.ai"]),
        ("Demo for Lagos Logistics", 4, 13, 30, "demo", "Zoom", ["faheem@clara.ai", "omar@clara.ai"]),
        ("Support stand-up", -1, 9, 15, "standup", "Zoom", ["husnain@clara.ai", "ayesha@clara.ai"]),
    )
    meetings = []
    for title, day, hour, minutes, kind, location, people in plans:
        start = midnight + timedelta(days=day, hours=hour)
        meeting = Meeting(
            title=title, start_time=start, end_time=start + timedelta(minutes=minutes), location=location,
            meeting_type=kind, organizer_id=users[people[0]].id,
            status=MeetingStatus.SCHEDULED if day >= 0 else MeetingStatus.COMPLETED,
        )  # fmt: skip
        session.add(meeting)
        session.flush()
        session.add_all(MeetingAttendee(meeting_id=meeting.id, user_id=users[email].id) for email in people)
        meetings.append(meeting)
    return meetings


def _add_tasks(
    session: Session, users: dict[str, User], tickets: list[Ticket], meetings: list[Meeting], now: datetime
) -> None:
    plans: tuple[tuple[str, str, Priority, TaskStatus, int, int | None, int | None, list[str]], ...] = (
        ("Find why sign-in loops", "husnain@clara.ai", Priority.URGENT, TaskStatus.IN_PROGRESS, 0, 0, None, ["sso"]),
        ("Write an article about row errors", "ayesha@clara.ai", Priority.MEDIUM, TaskStatus.TODO, 3, 2, None, ["kb"]),
        ("Send the signed DPA", "admin@clara.ai", Priority.HIGH, TaskStatus.REVIEW, 1, 4, None, ["legal"]),
        ("Prepare figures for the review", "husnain@clara.ai", Priority.MEDIUM, TaskStatus.TODO, 2, None, 1, []),
        ("Draft the spring newsletter", "lena@clara.ai", Priority.LOW, TaskStatus.TODO, 7, None, 2, ["campaign"]),
        ("Check the refund arrived", "ayesha@clara.ai", Priority.MEDIUM, TaskStatus.DONE, -1, 3, None, ["billing"]),
    )
    for title, email, priority, status, days, ticket, meeting, tags in plans:
        session.add(
            Task(
                title=title, assigned_to=users[email].id, created_by=users["admin@clara.ai"].id, priority=priority,
                status=status, due_date=now + timedelta(days=days),
                completed_at=now if status is TaskStatus.DONE else None,
                related_ticket_id=None if ticket is None else tickets[ticket].id,
                related_meeting_id=None if meeting is None else meetings[meeting].id,
                tags=tags,
            )
        )  # fmt: skip
    session.flush()
