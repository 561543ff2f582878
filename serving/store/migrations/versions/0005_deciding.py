"""Policies, price books, the day's capacity and flags are kept; the decisions of a day can be read through."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("decision", sa.Column("holds", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_decision_decision_date_decision_id", "decision", ["decision_date", "decision_id"])
    op.create_table(
        "policy",
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("contents", sa.JSON(), nullable=False),
        sa.Column("in_force_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_policy"),
    )
    op.create_index("ix_policy_in_force_at", "policy", ["in_force_at"])
    op.create_table(
        "price_book",
        sa.Column("book_id", sa.String(64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("policy_version", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("book_id", name="pk_price_book"),
        sa.UniqueConstraint("day", "label", "model_version", "policy_version", "number", name="uq_price_book_key"),
    )
    op.create_table(
        "capacity",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("resource", sa.String(100), nullable=False),
        sa.Column("cap", sa.Float(), nullable=False),
        sa.Column("used", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("day", "resource", name="pk_capacity"),
        sa.CheckConstraint("used >= 0 AND used <= cap + 1e-09", name="ck_capacity_used"),
    )
    op.create_table(
        "flag",
        sa.Column("event_id", sa.String(200), nullable=False),
        sa.Column("student_id", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True)),
        sa.Column("source", sa.String(500)),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_flag"),
    )
    op.create_index("ix_flag_student_id", "flag", ["student_id"])


def downgrade() -> None:
    for table in ("flag", "capacity", "price_book", "policy"):
        op.drop_table(table)
    op.drop_index("ix_decision_decision_date_decision_id", "decision")
    with op.batch_alter_table("decision") as batch:
        batch.drop_column("holds")
