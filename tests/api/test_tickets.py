"""Tickets for staff over HTTP: read, filtered, paged, escalated."""

from datetime import datetime, timedelta

import pytest

from memory.database import transaction
from memory.tables import Category, Customer, Priority, Ticket
from memory.tables.base import utc_now
from tools.permissions import SYSTEM
from tools.tickets import Labels, create_ticket


@pytest.fixture
def make_ticket(client):
    def make(subject="Late", *, category=Category.TECHNICAL, priority=Priority.MEDIUM, **changes) -> Ticket:
        with transaction(client.app.state.sessions) as session:
            ticket = create_ticket(
                session, SYSTEM, subject=subject, description="…", labels=Labels("bug_report", category, priority)
            )
            for name, value in changes.items():
                setattr(ticket, name, value)
            return ticket

    return make


def test_pages_of_tickets_newest_first_each_once(client, signed_in, make_ticket):
    headers = signed_in("csr")
    made = [make_ticket(f"number {n}").subject for n in range(7)]
    seen, cursor = [], None
    while True:
        page = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = client.get("/api/tickets", params=page, headers=headers)
        seen += [item["subject"] for item in answer.json()["items"]]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


def test_a_list_shows_what_was_asked_for(client, signed_in, make_ticket):
    headers = signed_in("csr")
    make_ticket("tech")
    make_ticket("bill", category=Category.BILLING, priority=Priority.HIGH)
    for query, subjects in (
        ({"queue": "billing"}, ["bill"]),
        ({"category": "technical"}, ["tech"]),
        ({"priority": "high", "status": "open"}, ["bill"]),
        ({"status": "closed"}, []),
    ):
        items = client.get("/api/tickets", params=query, headers=headers).json()["items"]
        assert [item["subject"] for item in items] == subjects, query
    for wrong in ({"status": "lost"}, {"limit": 0}, {"limit": 201}, {"assignee": "me"}):
        assert client.get("/api/tickets", params=wrong, headers=headers).status_code == 422, wrong


def test_escalating_moves_the_ticket_and_is_in_its_history_and_package(client, signed_in, make_ticket):
    headers = signed_in("csr")
    ticket = make_ticket(priority=Priority.URGENT)
    before = client.get(f"/api/tickets/{ticket.id}", headers=headers)

    answer = client.post(f"/api/escalations/tickets/{ticket.id}/escalate?reason=manual", headers=headers)

    assert answer.status_code == 200
    assert answer.json()["success"] is True
    moved = answer.json()["ticket"]
    assert (moved["status"], moved["queue"]) == ("escalated", "technical_support")
    assert moved["respond_by"] < before.json()["respond_by"]
    after = client.get(f"/api/tickets/{ticket.id}", headers=headers)
    assert after.headers["etag"] != before.headers["etag"]
    history = client.get(f"/api/tickets/{ticket.id}/history", headers=headers).json()["items"]
    assert [entry["action"] for entry in history] == ["created", "escalated"]
    assert history[1]["changed_by"]
    package = client.get(f"/api/tickets/{ticket.id}/handoff", headers=headers).json()
    assert package["rule"] == "Technical Urgent"
    assert {
        "ticket_info", "classification", "customer_info", "conversation_history", "rag_attempts", "actions_taken",
        "reason", "rule", "summary", "open_questions", "suggested_reply", "sla",
    } <= set(package)  # fmt: skip


def test_escalating_twice_shortens_the_clocks_once(client, signed_in, make_ticket):
    headers = signed_in("csr")
    ticket = make_ticket(priority=Priority.URGENT)
    path = f"/api/escalations/tickets/{ticket.id}/escalate"
    first = client.post(path, headers=headers).json()["ticket"]
    second = client.post(path, headers=headers).json()["ticket"]
    assert second["respond_by"] == first["respond_by"]
    assert second["resolve_by"] == first["resolve_by"]


@pytest.mark.parametrize(
    ("ticket", "vip", "queue", "share"),
    [
        ({"priority": Priority.URGENT}, True, "senior_support", 0.5),
        ({"created_at": -0.9}, False, "escalations", 0.75),
        ({"rag_confidence": 0.69}, False, "support_tier2", 1.0),
        ({"priority": Priority.HIGH}, False, "technical_support", 0.8),
        ({"auto_resolve_attempts": 3}, False, "escalations", 0.9),
        ({}, False, "escalations", 0.9),
    ],
)
def test_the_guides_rules_decide_queue_and_clocks(client, signed_in, make_ticket, ticket, vip, queue, share):
    headers = signed_in("csr")
    with transaction(client.app.state.sessions) as session:
        customer = Customer(name="Nora", email="nora@example.com", vip=vip)
        session.add(customer)
        session.flush()
    changes = dict(ticket) | {"customer_id": customer.id}
    if "created_at" in changes:  # nine tenths of the eight hours to the first answer are gone
        changes["created_at"] = utc_now() - timedelta(hours=8 * 0.9)
        changes["respond_by"] = changes["created_at"] + timedelta(hours=8)
    made = make_ticket(**changes)
    asked = utc_now()
    moved = client.post(f"/api/escalations/tickets/{made.id}/escalate", headers=headers).json()["ticket"]
    assert moved["queue"] == queue
    left = (datetime.fromisoformat(moved["resolve_by"]) - asked).total_seconds()
    assert left == pytest.approx((made.resolve_by - asked).total_seconds() * share, rel=0.01)


@pytest.mark.parametrize("reason", ["because", "", "MANUAL"])
def test_an_unknown_reason_is_refused(client, signed_in, make_ticket, reason):
    answer = client.post(
        f"/api/escalations/tickets/{make_ticket().id}/escalate", params={"reason": reason}, headers=signed_in("csr")
    )
    assert answer.status_code == 422


def test_a_missing_ticket_is_not_found(client, signed_in):
    headers = signed_in("csr")
    missing = "00000000-0000-0000-0000-000000000007"
    for path in ("", "/history", "/handoff"):
        assert client.get(f"/api/tickets/{missing}{path}", headers=headers).status_code == 404
    assert client.post(f"/api/escalations/tickets/{missing}/escalate", headers=headers).status_code == 404


def test_the_rules_can_be_read(client, signed_in):
    rules = client.get("/api/escalations/rules", headers=signed_in("csr")).json()
    assert [rule["name"] for rule in rules["items"]] == [
        "VIP Customer Urgent", "SLA Breach Imminent", "Low Confidence RAG", "Technical Urgent",
        "Multiple Failed Attempts",
    ]  # fmt: skip
    assert rules["otherwise"]["target_queue"] == "escalations"
