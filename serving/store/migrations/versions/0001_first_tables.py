"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_ID = sa.String(200)


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("login", _ID, nullable=False),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("language", sa.String(5), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("login", name="pk_account"),
    )
    op.create_table(
        "api_key",
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT),
        sa.Column("revoked_at", _MOMENT),
        sa.Column("last_used_at", _MOMENT),
        sa.PrimaryKeyConstraint("prefix", name="pk_api_key"),
    )
    op.create_table(
        "audit",
        sa.Column("audit_id", sa.Integer(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("actor", _ID, nullable=False),
        sa.Column("what", sa.String(64), nullable=False),
        sa.Column("subject", _ID, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_table(
        "consent",
        sa.Column("event_id", _ID, nullable=False),
        sa.Column("student_id", _ID, nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("until_at", _MOMENT),
        sa.Column("source", sa.String(500)),
        sa.Column("occurred_at", _MOMENT, nullable=False),
        sa.Column("known_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_consent"),
    )
    op.create_index("ix_consent_student_id", "consent", ["student_id"])
    op.create_table(
        "decision",
        sa.Column("decision_id", sa.String(40), nullable=False),
        sa.Column("student_id", _ID, nullable=False),
        sa.Column("decision_date", sa.Date(), nullable=False),
        sa.Column("request_digest", sa.String(128), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("policy_version", sa.String(64), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(20)),
        sa.Column("not_before", _MOMENT),
        sa.Column("arm", sa.String(20), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("decision_id", name="pk_decision"),
        sa.UniqueConstraint(
            "student_id", "decision_date", "request_digest", "model_version", "policy_version", name="uq_decision_key"
        ),
    )
    op.create_index("ix_decision_not_before", "decision", ["not_before"])
    op.create_table(
        "login_failure",
        sa.Column("login", _ID, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("login", name="pk_login_failure"),
    )
    op.create_table(
        "night",
        sa.Column("night_id", sa.Integer(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("policy_version", sa.String(64), nullable=False),
        sa.Column("lake_version", sa.String(64), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("published_at", _MOMENT),
        sa.PrimaryKeyConstraint("night_id", name="pk_night"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_night_state_published_at", "night", ["state", "published_at"])
    op.create_table(
        "touch",
        sa.Column("touch_id", _ID, nullable=False),
        sa.Column("student_id", _ID, nullable=False),
        sa.Column("enrolment_id", _ID),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("action", _ID),
        sa.Column("decision_id", _ID),
        sa.Column("occurred_at", _MOMENT, nullable=False),
        sa.Column("known_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("touch_id", name="pk_touch"),
    )
    op.create_index("ix_touch_occurred_at", "touch", ["occurred_at"])
    op.create_index("ix_touch_student_id_occurred_at", "touch", ["student_id", "occurred_at"])
    op.create_table(
        "verdict",
        sa.Column("verdict_id", sa.Integer(), nullable=False),
        sa.Column("enrolment_id", _ID, nullable=False),
        sa.Column("student_id", _ID, nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("decision_id", sa.String(40)),
        sa.Column("word", sa.String(20), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("login", _ID, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("verdict_id", name="pk_verdict"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_verdict_label_as_of_enrolment_id", "verdict", ["label", "as_of", "enrolment_id"])
    op.create_index("ix_verdict_student_id", "verdict", ["student_id"])
    op.create_table(
        "night_entry",
        sa.Column("night_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("enrolment_id", _ID, nullable=False),
        sa.Column("student_id", _ID, nullable=False),
        sa.Column("course_id", _ID, nullable=False),
        sa.Column("curator", _ID),
        sa.Column("risk", sa.Float()),
        sa.Column("band", sa.String(20)),
        sa.Column("previous_band", sa.String(20)),
        sa.Column("changed", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("strength", sa.JSON()),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("decision_id", sa.String(40)),
        sa.ForeignKeyConstraint(
            ["night_id"], ["night.night_id"], name="fk_night_entry_night_id_night", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("night_id", "rank", name="pk_night_entry"),
        sa.UniqueConstraint("night_id", "enrolment_id", name="uq_night_entry_night_id_enrolment_id"),
    )
    op.create_index("ix_night_entry_night_id_course_id_rank", "night_entry", ["night_id", "course_id", "rank"])
    op.create_index("ix_night_entry_night_id_curator_rank", "night_entry", ["night_id", "curator", "rank"])
    op.create_index("ix_night_entry_student_id", "night_entry", ["student_id"])


def downgrade() -> None:
    op.drop_table("audit")
    op.drop_table("verdict")
    op.drop_table("consent")
    op.drop_table("touch")
    op.drop_table("night_entry")
    op.drop_table("night")
    op.drop_table("decision")
    op.drop_table("login_failure")
    op.drop_table("account")
    op.drop_table("api_key")
