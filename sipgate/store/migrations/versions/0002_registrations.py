"""Registered phones: where calls to them go."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registration",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("aor", sa.LargeBinary, nullable=False),
        sa.Column("contact", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("upstream", sa.Text, nullable=False),
        sa.Column("by_path", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("flow", sa.Text, nullable=False),
        sa.Column("listener", sa.Text, nullable=False),
        sa.Column("is_natted", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("user_agent", sa.LargeBinary),
        sa.Column("registered_time", sa.Float, nullable=False),
        sa.Column("refreshed_time", sa.Float, nullable=False),
        sa.Column("expires_time", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("evidence is not taken back; restore the copy made before")
