"""An entry says where its risk comes from, and what would lower it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ADDED = ("families", "what_ifs")


def upgrade() -> None:
    with op.batch_alter_table("night_entry") as entry:
        for name in _ADDED:
            entry.add_column(sa.Column(name, sa.JSON(none_as_null=True), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("night_entry") as entry:
        for name in _ADDED:
            entry.drop_column(name)
