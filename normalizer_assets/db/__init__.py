"""Postgres: the tables, their migrations, the engine and the embedded server."""
