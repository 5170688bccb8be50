"""The first tables: the ledger's entries, number lists, strangers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "entry",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "list_version",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("as_of", sa.Float, nullable=False),
        sa.Column("imported", sa.Float, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("is_current", sa.Boolean(create_constraint=False), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "list_version_current",
        "list_version",
        ["name"],
        unique=True,
        sqlite_where=sa.text("is_current"),
    )
    op.create_table(
        "list_number",
        sa.Column("version", sa.Integer, sa.ForeignKey("list_version.id"), primary_key=True),
        sa.Column("number", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stranger",
        sa.Column("address", sa.Text, primary_key=True),
        sa.Column("transport", sa.Text, primary_key=True),
        sa.Column("first_time", sa.Float, nullable=False),
        sa.Column("last_time", sa.Float, nullable=False),
        sa.Column("packets", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("user_agent", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_index("stranger_last_time", "stranger", ["last_time"])


def downgrade() -> None:
    raise NotImplementedError("evidence is not taken back; restore the copy made before")
