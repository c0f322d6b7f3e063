"""How assets reach outside: database, API, parquet files."""
