"""Run by Alembic: applies the revisions on the connection that `migrate` has opened."""

from alembic import context

from sipgate.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
