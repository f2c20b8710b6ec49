"""A turn's confidence is a probability; conversations are found by when something was last said in them."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index(op.f("ix_conversations_updated_at"), "conversations", ["updated_at"])
    with op.batch_alter_table("turns") as batch:
        batch.create_check_constraint(op.f("ck_turns_confidence_is_probability"), "confidence BETWEEN 0 AND 1")
