"""The tables, written so that SQLite and PostgreSQL hold the same; every change has a migration."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)


class Moment(TypeDecorator[datetime]):
    """An aware moment, stored in UTC; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """On the way in.

        Raises:
            ValueError: the moment has no time zone.
        """
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value.isoformat()} has no time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """On the way out: always aware, always UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# Not JSONB, which would not keep a record's keys in their order: what is read is what was written.
Json = JSON(none_as_null=True)
Id = String(200)
ROUNDING = 1e-9
"""Amounts of capacity are added as floats: their sum may pass the cap by this much."""

api_key = Table(
    "api_key",
    metadata,
    Column("prefix", String(16), primary_key=True),
    Column("secret_sha256", String(64), nullable=False),
    Column("scopes", Json, nullable=False),
    Column("name", String(200), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("last_used_at", Moment),
)

account = Table(
    "account",
    metadata,
    Column("login", Id, primary_key=True),
    Column("password_hash", String(200), nullable=False),
    Column("role", String(20), nullable=False),
    Column("language", String(5), nullable=False),
    Column("created_at", Moment, nullable=False),
)

# Logins that were tried and do not exist are counted like the others, so that counting tells nobody which exist.
login_failure = Table(
    "login_failure",
    metadata,
    Column("login", Id, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", Moment, nullable=False),
)

decision = Table(
    "decision",
    metadata,
    Column("decision_id", String(40), primary_key=True),
    Column("student_id", Id, nullable=False),
    Column("decision_date", Date, nullable=False),
    Column("request_digest", String(128), nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("channel", String(20)),
    Column("not_before", Moment),
    Column("arm", String(20), nullable=False),
    Column("record", Json, nullable=False),
    Column("holds", Boolean, nullable=False, server_default=false()),  # whether it still holds what it took of the day
    Column("created_at", Moment, nullable=False),
    UniqueConstraint(
        "student_id", "decision_date", "request_digest", "model_version", "policy_version", name="uq_decision_key"
    ),
    Index(None, "not_before"),
    Index(None, "decision_date", "decision_id"),
)

# A policy's contents are kept as long as the decisions that were made by it, so that they can be made again.
policy = Table(
    "policy",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("contents", Json, nullable=False),
    Column("in_force_at", Moment, nullable=False),
    Index(None, "in_force_at"),
)

price_book = Table(
    "price_book",
    metadata,
    Column("book_id", String(64), primary_key=True),
    Column("day", Date, nullable=False),
    Column("label", String(64), nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("record", Json, nullable=False),
    Column("made_at", Moment, nullable=False),
    UniqueConstraint("day", "label", "model_version", "policy_version", "number", name="uq_price_book_key"),
)

capacity = Table(
    "capacity",
    metadata,
    Column("day", Date, primary_key=True),
    Column("resource", String(100), primary_key=True),
    Column("cap", Float, nullable=False),
    Column("used", Float, nullable=False),
    CheckConstraint(f"used >= 0 AND used <= cap + {ROUNDING}", name="ck_capacity_used"),
)

night = Table(
    "night",
    metadata,
    Column("night_id", Integer, primary_key=True),
    Column("as_of", Date, nullable=False),
    Column("label", String(64), nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("lake_version", String(64), nullable=False),
    Column("state", String(20), nullable=False),
    Column("counts", Json, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("published_at", Moment),
    Index(None, "state", "published_at"),
    sqlite_autoincrement=True,
)

night_entry = Table(
    "night_entry",
    metadata,
    Column("night_id", Integer, ForeignKey("night.night_id", ondelete="CASCADE"), primary_key=True),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("enrolment_id", Id, nullable=False),
    Column("student_id", Id, nullable=False),
    Column("course_id", Id, nullable=False),
    Column("curator", Id),
    Column("risk", Float),
    Column("band", String(20)),
    Column("previous_band", String(20)),
    Column("changed", Boolean, nullable=False),
    Column("state", String(20), nullable=False),
    Column("reasons", Json, nullable=False),
    Column("strength", Json),
    Column("families", Json, nullable=False, server_default="[]"),
    Column("what_ifs", Json, nullable=False, server_default="[]"),
    Column("values", Json, nullable=False),
    Column("decision_id", String(40)),
    UniqueConstraint("night_id", "enrolment_id"),
    Index(None, "night_id", "curator", "rank"),
    Index(None, "night_id", "course_id", "rank"),
    Index(None, "student_id"),
)

verdict = Table(
    "verdict",
    metadata,
    Column("verdict_id", Integer, primary_key=True),
    Column("enrolment_id", Id, nullable=False),
    Column("student_id", Id, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("label", String(64), nullable=False),
    Column("decision_id", String(40)),
    Column("word", String(20), nullable=False),
    Column("note", Text, nullable=False),
    Column("login", Id, nullable=False),
    Column("at", Moment, nullable=False),
    Index(None, "label", "as_of", "enrolment_id"),
    Index(None, "student_id"),
    sqlite_autoincrement=True,
)

# touch and consent have the columns of features.contracts.tables, so that what is reported can be added to the lake.
# A row is a version: what is learned of a contact later is kept beside what was known before.
touch = Table(
    "touch",
    metadata,
    Column("touch_id", Id, primary_key=True),
    Column("known_at", Moment, primary_key=True),
    Column("student_id", Id, nullable=False),
    Column("enrolment_id", Id),
    Column("channel", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("action", Id),
    Column("decision_id", Id),
    Column("by", Id),
    Column("occurred_at", Moment, nullable=False),
    Index(None, "student_id", "occurred_at"),
    Index(None, "occurred_at"),
)

consent = Table(
    "consent",
    metadata,
    Column("event_id", Id, primary_key=True),
    Column("student_id", Id, nullable=False),
    Column("channel", String(20), nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("until_at", Moment),
    Column("source", String(500)),
    Column("occurred_at", Moment, nullable=False),
    Column("known_at", Moment, nullable=False),
    Index(None, "student_id"),
)

flag = Table(
    "flag",
    metadata,
    Column("event_id", Id, primary_key=True),
    Column("student_id", Id, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("reference", Id),
    Column("until_at", Moment),
    Column("source", String(500)),
    Column("occurred_at", Moment, nullable=False),
    Column("known_at", Moment, nullable=False),
    Index(None, "student_id"),
)

data_health = Table(
    "data_health",
    metadata,
    Column("health_id", Integer, primary_key=True),
    Column("as_of", Date, nullable=False),
    Column("label", String(64), nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("report", Json, nullable=False),
    Index(None, "label", "as_of"),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor", Id, nullable=False),
    Column("what", String(64), nullable=False),
    Column("subject", Id, nullable=False),
    Column("detail", Json, nullable=False),
    Index(None, "subject"),
    sqlite_autoincrement=True,
)
