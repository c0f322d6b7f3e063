"""What landed, taken in: counted, quarantined, kept; and what stops it."""

from pathlib import Path

from normalizer_assets_tests.scene import Scene, invented, messages, steps

LISTING = {"name": "Arroz Grado 1 Tucapel 1 kg", "category": "Despensa", "price": 990, "sku": "A1"}


def test_every_landed_row_is_a_listing_quarantined_or_collapsed(scene: Scene) -> None:
    landed = scene.land(
        [
            *invented(8),
            LISTING,
            LISTING,
            {**LISTING, "sku": "A2", "price": -5},
            {**LISTING, "sku": "A3", "name": ""},
        ]
    )
    result = scene.run("__ASSET_JOB", selection=["raw_products"])
    assert result.success
    row = scene.row()
    assert (row.state, row.raw_count, row.quarantined_count, row.collapsed_count) == (
        "landed", 12, 2, 1,
    )  # fmt: skip
    listings = result.output_for_node("raw_products")
    assert listings.height == 12 - 2 - 1
    quarantined = scene.rows(
        "select row_number, reason, raw ->> 'sku' as sku from normalizer.quarantined_listings "
        "order by row_number"
    )
    assert [(each.row_number, each.sku) for each in quarantined] == [(11, "A2"), (12, "A3")]
    assert all(each.reason for each in quarantined)
    kept = list(Path(scene.config.paths.storage, "raw").glob("*/*.csv"))
    assert [file.read_bytes() for file in kept] == [landed.read_bytes()]
    assert kept[0].stem == row.raw_snapshot


def test_a_limit_takes_the_first_rows(scene: Scene) -> None:
    scene.land(invented(30))
    result = scene.definitions.resolve_job_def("submit").execute_in_process(
        partition_key=scene.partition.key,
        instance=scene.instance,
        run_config={"ops": {"raw_products": {"config": {"limit": 7}}}},
    )
    assert result.output_for_node("raw_products")["sku"].to_list() == [f"S{n}" for n in range(7)]


def test_a_missing_file_is_a_failure_that_names_the_place(scene: Scene) -> None:
    result = scene.submit()
    assert steps(result) == {"raw_products": "failure"}
    assert (
        "nothing has landed for 2024-10-01|lider: [sources.landing] finds no listings in "
        f"{scene.config.paths.landing}/2024-10-01/lider.{{csv,ndjson,parquet}}; land them, "
        "or choose another day or retailer" in messages(result)
    )
    assert scene.rows("select * from normalizer.partitions") == []


def test_a_file_without_listings_is_a_failure_and_publishes_nothing(scene: Scene) -> None:
    landed = scene.land([])
    result = scene.submit()
    assert steps(result) == {"raw_products": "failure"}
    assert str(landed) in messages(result)
    assert scene.rows("select * from normalizer.partitions") == []
    assert scene.rows("select * from normalizer.batch_requests") == []


def test_an_empty_file_leaves_the_published_version_alone(scene: Scene) -> None:
    scene.land(invented(5))
    scene.publish()
    scene.land([])
    assert not scene.submit().success
    assert scene.row().state == "published"
    assert scene.scalar("select count(*) from normalizer.published_products") == 5
