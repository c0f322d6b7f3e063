"""What Dagster's catalogue says of each asset beside its description.

Belongs here: tables and their columns, the version of what a result depends on, how fresh an
asset is to be, where its code is. Does not belong here: what a materialisation says of itself
(the assets), the checks.
"""

import hashlib
import json
import re
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import cache
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from normalizer_assets.answers.confidence import yardstick
from normalizer_assets.config import (
    ANSWER_CONTRACT_VERSION,
    ConfigurationError,
    NormalizerConfig,
)
from normalizer_assets.db.tables import (
    COMPARISON_VIEW,
    PRODUCT_VIEW,
    SCHEMA,
    batches,
    cache_entries,
)
from normalizer_assets.prompting import reply_schemas, templates

TABLES: Mapping[str, tuple[str, Iterable[sa.Column[object]]]] = {
    "submitted_batches": ("batches", batches.columns),
    "normalized_products": ("normalized_products", PRODUCT_VIEW),
    "cache_embeddings": ("cache_entries", cache_entries.columns),
    "price_comparison": ("price_comparison", COMPARISON_VIEW),
}
"""Asset -> the table or view that it fills. A frame's columns are told by ``ParquetStore``."""

TABLES_PAGE = Path(__file__).parents[2] / "docs" / "tables.md"
"""Where columns are described; said once, for who reads the page and who reads the catalogue."""
_COLUMN_ROW = re.compile(r"\| (`\w+`(?:, `\w+`)*) \| [^|]* \| (.*) \|$")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")

FRESH = ("normalized_products",)
"""Made every day. The asset as a whole: of each retailer the check ``fresh_...`` tells."""


def catalogued(asset: dg.AssetsDefinition, config: NormalizerConfig) -> dg.AssetsDefinition:
    """Returns an asset with everything that the catalogue says of it."""
    versions = code_versions(config)

    def complete(spec: dg.AssetSpec) -> dg.AssetSpec:
        name = spec.key.to_user_string()
        spec = spec.replace_attributes(code_version=versions.get(name))
        spec = spec.merge_attributes(metadata={**_table(name), **_source(name, config)})
        days = config.freshness.max_age_days
        if days and name in FRESH:
            policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=days))
            spec = dg.apply_freshness_policy(spec, policy)
        return spec

    return asset.map_asset_specs(complete)


# --- versions -------------------------------------------------------------------------


def code_versions(config: NormalizerConfig) -> dict[str, str]:
    """Returns the versions of assets whose result depends on more than what comes in.

    Dagster shows an asset as outdated where its version has changed since it was made. Nothing
    is asked again for that: `normalizer reprocess` does, and says its price first.
    """
    asked = {
        "contract": ANSWER_CONTRACT_VERSION,
        "prompts": [templates.TEMPLATES, templates.PACKED],
        "schemas": [reply_schemas.COMPACT, reply_schemas.DETAILED],
        "tiers": {tier: settings.model_dump() for tier, settings in config.tiers.items()},
    }
    embedding = config.embedding
    judged = ""
    with suppress(ConfigurationError):  # a calibration that cannot be read; its runs say so
        judged = yardstick(config)
    return {
        "routed_products": _digest(
            {"contract": ANSWER_CONTRACT_VERSION, "router": config.router.model_dump()}
        ),
        "submitted_batches": _digest(asked),
        "batch_results": _digest(asked),
        "normalized_products": _digest({"asked": asked, "judged": judged}),
        "cache_embeddings": _digest(
            {
                "contract": ANSWER_CONTRACT_VERSION,
                "model": embedding.model,
                "dimensions": embedding.dimensions,
            }
        ),
    }


def _digest(content: Mapping[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


# --- columns --------------------------------------------------------------------------


def _table(name: str) -> dict[str, object]:
    if name not in TABLES:
        return {}
    table, columns = TABLES[name]
    return {
        "dagster/table_name": f"{SCHEMA}.{table}",
        "dagster/column_schema": schema_of_columns(columns, described_columns().get(table, {})),
    }


@cache
def described_columns() -> Mapping[str, Mapping[str, str]]:
    """Returns what ``docs/tables.md`` says of columns: table or view -> column -> its meaning.

    Nothing where the package stands without its documentation.
    """
    if not TABLES_PAGE.is_file():
        return {}
    described: dict[str, dict[str, str]] = {}
    tables: list[str] = []
    for line in TABLES_PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            tables = line.removeprefix("## ").split(" and ")
        elif row := _COLUMN_ROW.match(line):
            names, meaning = row.groups()
            words = _LINK.sub(r"\1", meaning)
            for table in tables:
                described.setdefault(table, {}).update(
                    dict.fromkeys(re.findall(r"\w+", names), words)
                )
    return described


def schema_of_columns(
    columns: Iterable[sa.Column[object]], described: Mapping[str, str] | None = None
) -> dg.TableSchema:
    """Returns the schema of a table or a view, with Postgres' names of types.

    Args:
        columns: Of the table or view.
        described: Column -> what it means, of those that are described.
    """
    meanings = described or {}
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type.compile(dialect).lower().replace(", ", ","),
                description=meanings.get(column.name),
                constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
            )
            for column in columns
        ]
    )


# --- where the code is ----------------------------------------------------------------


def _source(name: str, config: NormalizerConfig) -> dict[str, object]:
    """Returns the link to an asset's file, where the configuration says where people read it.

    Dagster's own ``with_source_code_references`` would show paths of the machine that serves.
    """
    if not config.source_url:
        return {}
    package = Path(__file__).parents[1]
    file = f"{package.name}/{Path(__file__).parent.name}/{name}.py"
    with warnings.catch_warnings():
        # It works in 1.13 and is in beta.
        warnings.filterwarnings("ignore", category=dg.BetaWarning)
        link = dg.UrlCodeReference(url=f"{config.source_url.rstrip('/')}/{file}", label=file)
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[link])}
