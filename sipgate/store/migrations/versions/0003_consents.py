"""Consents and their revocations."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consent_change",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("recorded", sa.Float, nullable=False),
        sa.Column("recorded_by", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("is_whole", sa.Boolean(create_constraint=False), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("change", sa.Integer, sa.ForeignKey("consent_change.id"), nullable=False),
        sa.Column("callee", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text),
        sa.Column("channel", sa.Text),
        sa.Column("source", sa.Text),
        sa.Column("source_where", sa.Text),
        sa.Column("source_time", sa.Float),
        sa.Column("source_how", sa.Text),
        sa.Column("evidence", sa.Text),
        sa.Column("basis", sa.Text),
        sa.Column("granted", sa.Float),
        sa.Column("expires", sa.Float),
        sa.Column("revoked", sa.Float),
        sa.Column("reason", sa.Text),
    )
    op.create_index("consent_callee", "consent", ["callee"])
    op.create_index("consent_change_rows", "consent", ["change"])


def downgrade() -> None:
    raise NotImplementedError("evidence is not taken back; restore the copy made before")
