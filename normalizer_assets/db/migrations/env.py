"""Alembic's entry: runs migrations on the connection that ``db.migration`` hands over."""

from alembic import context

from normalizer_assets.db.tables import SCHEMA, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
