"""The tables of a store, as SQLAlchemy Core knows them. Alembic's revisions make them."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData()

entry = Table(
    "entry",  # hot: one writer, nothing but what it must have. Belongs to `ledger`
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

list_version = Table(
    "list_version",  # one import of a list; its id is the version that decisions cite
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("as_of", Float, nullable=False),  # calendar seconds
    Column("imported", Float, nullable=False),  # calendar seconds
    Column("size", Integer, nullable=False),
    Column("is_current", Boolean(create_constraint=False), nullable=False),
    Index("list_version_current", "name", unique=True, sqlite_where=text("is_current")),
    sqlite_autoincrement=True,  # a version is never given twice
)

list_number = Table(
    "list_number",
    metadata,
    Column("version", Integer, ForeignKey("list_version.id"), primary_key=True),
    Column("number", Text, primary_key=True),
    sqlite_with_rowid=False,
)

stranger = Table(
    "stranger",  # who sent SIP and is no source
    metadata,
    Column("address", Text, primary_key=True),
    Column("transport", Text, primary_key=True),
    Column("first_time", Float, nullable=False),  # calendar seconds
    Column("last_time", Float, nullable=False),
    Column("packets", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("user_agent", Text),
    Index("stranger_last_time", "last_time"),
    sqlite_with_rowid=False,
)

registration = Table(
    "registration",  # phones that registered through the gate, and where they are
    metadata,
    Column("token", Text, primary_key=True),
    Column("aor", LargeBinary, nullable=False),
    Column("contact", LargeBinary, nullable=False),
    Column("source", Text, nullable=False),
    Column("upstream", Text, nullable=False),
    Column("by_path", Boolean(create_constraint=False), nullable=False),
    Column("flow", Text, nullable=False),
    Column("listener", Text, nullable=False),
    Column("is_natted", Boolean(create_constraint=False), nullable=False),
    Column("user_agent", LargeBinary),
    Column("registered_time", Float, nullable=False),  # calendar seconds
    Column("refreshed_time", Float, nullable=False),
    Column("expires_time", Float, nullable=False),
    sqlite_with_rowid=False,
)

consent_change = Table(
    "consent_change",  # one import or revocation; its rows count once it is whole
    metadata,
    Column("id", Integer, primary_key=True),
    Column("recorded", Float, nullable=False),  # calendar seconds
    Column("recorded_by", Text, nullable=False),
    Column("origin", Text, nullable=False),  # the file, or the command
    Column("is_whole", Boolean(create_constraint=False), nullable=False),
    sqlite_autoincrement=True,
)

consent = Table(
    "consent",  # belongs to `consent`, as the columns of its record
    metadata,
    Column("id", Integer, primary_key=True),
    Column("change", Integer, ForeignKey("consent_change.id"), nullable=False),
    Column("callee", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("organisation", Text),
    Column("channel", Text),
    Column("source", Text),
    Column("source_where", Text),
    Column("source_time", Float),  # calendar seconds, as all times here
    Column("source_how", Text),
    Column("evidence", Text),
    Column("basis", Text),
    Column("granted", Float),
    Column("expires", Float),
    Column("revoked", Float),
    Column("reason", Text),
    Index("consent_callee", "callee"),
    Index("consent_change_rows", "change"),
)
