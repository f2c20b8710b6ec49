"""Live changes for staff."""

import json
import threading

from sqlalchemy import update

from memory.database import transaction
from memory.tables import Role, User
from tests.api.test_chat import events_of


def test_staff_hear_of_a_handover_as_it_happens(client, begin, signed_in):
    headers = signed_in("csr")
    path, customer = begin()

    def hand_over() -> None:
        client.post(f"{path}/messages", json={"text": "I want to talk to a human"}, headers=customer)

    speaking, ending = threading.Timer(0.5, hand_over), threading.Timer(2.0, client.app.state.hub.close)
    speaking.start()
    ending.start()
    heard = events_of(client.get("/api/events", headers=headers).text)
    ending.join()
    kinds = [data["kind"] for kind, data in heard if kind == "change"]
    assert {"ticket.created", "ticket.escalated", "conversation.handed_over", "conversation.message"} <= set(kinds)
    assert heard[-1] == ("end", {})
    conversation = path.rsplit("/", 1)[1]
    assert {data["conversation_id"] for _, data in heard if data.get("conversation_id")} == {conversation}
    assert "human" not in json.dumps(heard)  # where to look, not what was said


def test_a_stream_ends_for_whoever_lost_the_permission(client, begin, signed_in):
    headers = signed_in("csr")
    path, customer = begin()

    def take_away_and_speak() -> None:
        with transaction(client.app.state.sessions) as session:
            session.execute(update(User).where(User.email == "csr@clara.example").values(role=Role.MARKETING))
        client.post(f"{path}/messages", json={"text": "hello"}, headers=customer)

    speaking = threading.Timer(1.5, take_away_and_speak)
    speaking.start()
    heard = events_of(client.get("/api/events", headers=headers).text)
    speaking.join()
    assert heard == [("end", {})]
