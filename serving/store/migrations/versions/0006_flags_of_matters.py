"""A flag may say which matter it is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("flag", sa.Column("reference", sa.String(200)))


def downgrade() -> None:
    with op.batch_alter_table("flag") as flag:
        flag.drop_column("reference")
