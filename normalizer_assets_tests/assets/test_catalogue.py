"""What the catalogue says of the assets is what is there."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from normalizer_assets.assets.catalogue import TABLES, code_versions, schema_of_columns
from normalizer_assets.config import NormalizerConfig, load_config
from normalizer_assets.definitions import build_definitions
from normalizer_assets.prompting import reply_schemas, templates
from normalizer_assets_tests.scene import Scene, invented

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shipped() -> NormalizerConfig:
    return load_config({"NORMALIZER__SOURCE_URL": "https://git.example/normalizer/blob/main/"})


@pytest.fixture(scope="module")
def specs(shipped: NormalizerConfig) -> dict[str, dg.AssetSpec]:
    definitions = build_definitions(shipped)
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


# --- tables -----------------------------------------------------------------------------


@pytest.mark.parametrize("asset", TABLES)
def test_an_assets_columns_are_those_of_its_table_or_view(
    asset: str, specs: dict[str, dg.AssetSpec], engine: sa.Engine
) -> None:
    metadata = specs[asset].metadata
    name = str(metadata["dagster/table_name"])
    statement = """
        select attname, format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = cast(:name as regclass) and attnum > 0 and not attisdropped
    """
    with engine.connect() as connection:
        there = {tuple(row) for row in connection.execute(sa.text(statement), {"name": name})}
    schema = metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert {(column.name, column.type) for column in schema.columns} == there


@pytest.mark.parametrize("asset", TABLES)
def test_every_column_says_what_it_means(asset: str, specs: dict[str, dg.AssetSpec]) -> None:
    schema = specs[asset].metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert [column.name for column in schema.columns if not column.description] == []
    assert not any("](" in str(column.description) for column in schema.columns)


def test_columns_say_whether_they_may_be_null() -> None:
    columns = {
        column.name: column
        for column in schema_of_columns(TABLES["normalized_products"][1]).columns
    }
    assert not columns["sku"].constraints.nullable
    assert columns["brand"].constraints.nullable


def test_a_frames_columns_stand_at_its_materialisation(scene: Scene) -> None:
    scene.land(invented(4))
    result = scene.submit()
    for asset in ("raw_products", "routed_products"):
        (made,) = result.asset_materializations_for_node(asset)
        schema = made.metadata["dagster/column_schema"].value
        assert isinstance(schema, dg.TableSchema)
        columns = {column.name: column.type for column in schema.columns}
        assert columns["price"] == "Int64"
        assert ("question_key" in columns) == (asset == "routed_products")
    assert columns["contributions"] == "Struct"


# --- versions -----------------------------------------------------------------------------

ASKING = {"submitted_batches", "batch_results", "normalized_products"}


def changed(before: NormalizerConfig, after: NormalizerConfig) -> set[str]:
    one, other = code_versions(before), code_versions(after)
    return {asset for asset in one if one[asset] != other[asset]}


def test_versions_are_the_same_in_each_process(shipped: NormalizerConfig) -> None:
    assert code_versions(shipped) == code_versions(load_config({}))


def with_prompt(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(templates.TEMPLATES, "BATCH", templates.TEMPLATES["BATCH"] + " ")


def with_packed_prompt(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(templates.PACKED, "PACKED_SIMPLE", templates.PACKED["PACKED_SIMPLE"] + " ")


def with_schema(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(reply_schemas.COMPACT, "new", {"type": "string"})


@pytest.mark.parametrize("change", [with_prompt, with_packed_prompt, with_schema])
def test_another_prompt_or_schema_is_another_version_of_what_is_asked_with_it(
    shipped: NormalizerConfig,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[pytest.MonkeyPatch], None],
) -> None:
    before = code_versions(shipped)
    change(monkeypatch)
    after = code_versions(shipped)
    assert {asset for asset in before if before[asset] != after[asset]} == ASKING


def test_another_answer_contract_is_another_version_of_all(
    shipped: NormalizerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_versions(shipped)
    monkeypatch.setattr("normalizer_assets.assets.catalogue.ANSWER_CONTRACT_VERSION", 2)
    after = code_versions(shipped)
    assert {asset for asset in before if before[asset] != after[asset]} == set(before)


@pytest.mark.parametrize(
    ("variable", "assets"),
    [
        ("TIERS__MINI__MODEL=gpt-5.4-mini", ASKING),
        ("TIERS__FULL__SYSTEM=Answer.", ASKING),
        ("CONFIDENCE__THRESHOLD=0.9", {"normalized_products"}),
        ("ROUTER__COMPLEX_FROM=0.6", {"routed_products"}),
        ("EMBEDDING__DIMENSIONS=512", {"cache_embeddings"}),
        ("POLLING__INTERVAL_SECONDS=5", set()),
    ],
)
def test_settings_change_the_versions_of_what_depends_on_them(
    shipped: NormalizerConfig, variable: str, assets: set[str]
) -> None:
    key, value = variable.split("=")
    assert changed(shipped, load_config({f"NORMALIZER__{key}": value})) == assets


def test_a_calibration_that_cannot_be_read_does_not_stop_the_code_location(
    tmp_path: Path,
) -> None:
    (tmp_path / "calibrations").mkdir()
    (tmp_path / "calibrations" / "mine.json").write_text("{", encoding="utf-8")
    config = load_config({"NORMALIZER__PATHS__DATA": str(tmp_path)})
    assert code_versions(config)["normalized_products"]


# --- where the code is ----------------------------------------------------------------------


def test_every_asset_links_to_its_file_and_to_no_path_of_a_machine(
    specs: dict[str, dg.AssetSpec],
) -> None:
    for name, spec in specs.items():
        value: Any = spec.metadata["dagster/code_references"]
        (link,) = value.code_references
        base, _, file = link.url.partition("/blob/main/")
        assert base == "https://git.example/normalizer"
        assert (ROOT / file).is_file()
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
        assert str(ROOT) not in repr(spec)


def test_without_an_address_nothing_is_linked_and_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        specs = build_definitions(load_config({})).resolve_all_asset_specs()
    assert not [spec for spec in specs if "dagster/code_references" in spec.metadata]


# --- freshness ------------------------------------------------------------------------------


def test_what_is_made_every_day_has_a_freshness_policy_unless_that_is_switched_off(
    specs: dict[str, dg.AssetSpec],
) -> None:
    assert [name for name, spec in specs.items() if spec.freshness_policy] == [
        "normalized_products"
    ]
    off = build_definitions(load_config({"NORMALIZER__FRESHNESS__MAX_AGE_DAYS": "0"}))
    assert not [spec for spec in off.resolve_all_asset_specs() if spec.freshness_policy]
