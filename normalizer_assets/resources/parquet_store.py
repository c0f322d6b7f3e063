"""Frames between steps, as parquet files.

Belongs here: where a frame lies and how it is written. Does not belong here: results
that people query; those are tables.
"""

import dagster as dg
import polars as pl
from upath import UPath


class ParquetStore(dg.UPathIOManager):
    """Keeps each asset's frame at ``<base>/<asset>/<day>/<retailer>.parquet``.

    dagster-polars 0.27 cannot be used: with Polars 2.1 every read fails
    (``ArgumentRemovedError`` on ``rechunk``).
    """

    extension = ".parquet"

    def dump_to_path(self, context: dg.OutputContext, obj: pl.DataFrame, path: UPath) -> None:
        """Writes the frame so that a reader sees the old one or the new one, whole."""
        partial = path.with_name(f"{path.name}.{context.run_id}.partial")
        with partial.open("wb") as file:
            obj.write_parquet(file)
        partial.rename(path)

    def get_metadata(
        self,
        context: dg.OutputContext,  # noqa: ARG002 - as Dagster calls it
        obj: pl.DataFrame,
    ) -> dict[str, dg.MetadataValue]:
        """Returns the frame's columns, with Polars' names of types, for its materialisation.

        Of a struct the name alone: with its fields it is the text of a Python dict, cut off.
        """
        columns = [
            dg.TableColumn(name, "Struct" if isinstance(dtype, pl.Struct) else str(dtype))
            for name, dtype in obj.schema.items()
        ]
        return {"dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns))}

    def load_from_path(self, context: dg.InputContext, path: UPath) -> pl.DataFrame:
        """Reads the frame.

        Raises:
            FileNotFoundError: The asset was never materialised for this partition.
        """
        try:
            with path.open("rb") as file:
                return pl.read_parquet(file)
        except FileNotFoundError:
            asset = context.asset_key.to_user_string()
            raise FileNotFoundError(
                f"{asset} was never materialised for {context.partition_key} (no file {path}); "
                f"run the job `submit` for it first"
            ) from None
