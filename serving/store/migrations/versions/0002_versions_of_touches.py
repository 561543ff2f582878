"""A touch is kept in versions, and says who made it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("touch") as touch:
        touch.add_column(sa.Column("by", sa.String(200)))
        touch.drop_constraint("pk_touch", type_="primary")
        touch.create_primary_key("pk_touch", ["touch_id", "known_at"])


def downgrade() -> None:
    newest = "SELECT max(known_at) FROM touch AS other WHERE other.touch_id = touch.touch_id"
    op.execute(sa.text(f"DELETE FROM touch WHERE known_at < ({newest})"))
    with op.batch_alter_table("touch") as touch:
        touch.drop_constraint("pk_touch", type_="primary")
        touch.create_primary_key("pk_touch", ["touch_id"])
        touch.drop_column("by")
