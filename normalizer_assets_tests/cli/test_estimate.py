"""`normalizer estimate`: what it would cost, asking nobody."""

import json

from normalizer_assets_tests.cli.conftest import Typed
from normalizer_assets_tests.scene import Scene, invented

WORDS = ("estimate", "--day", "2024-10-01", "--retailer", "lider")


def test_each_way_of_asking_is_cheaper_than_the_one_before(scene: Scene, typed: Typed) -> None:
    scene.land(invented(30))
    scene.monkeypatch.delenv("OPENAI_API_KEY")
    said = typed(*WORDS, "--json")
    assert said.code == 0
    estimate = json.loads(said.out)
    assert estimate["listings"] == 30
    costs = [scenario["usd"] for scenario in estimate["scenarios"]]
    assert len(costs) == 4
    assert costs[0] > costs[1] > costs[2] == costs[3] > 0
    assert estimate["scenarios"][1]["savings_percent"] == 50.0
    assert scene.rows("select * from normalizer.partitions") == []
    assert scene.rows("select * from normalizer.batch_requests") == []
    table = typed(*WORDS)
    assert table.code == 0
    assert "2024-10-01|lider: 30 listings" in table.out
    assert "second opinions at full" in table.out
    assert "30 open questions make no batch" in table.out
    scene.set(BATCHING__MIN_PRODUCTS="5")
    assert "make no batch" not in typed(*WORDS).out


def test_what_is_known_costs_nothing(scene: Scene, typed: Typed) -> None:
    scene.land(invented(6))
    scene.publish()
    estimate = json.loads(typed(*WORDS, "--json").out)
    assert estimate["scenarios"][3]["usd"] == 0


def test_nothing_landed_is_an_error_and_a_wrong_retailer_a_usage_error(
    scene: Scene, typed: Typed
) -> None:
    missing = typed(*WORDS)
    assert missing.code == 1
    assert "nothing has landed for 2024-10-01|lider" in missing.err
    assert f"{scene.config.paths.landing}/2024-10-01/lider.{{csv,ndjson,parquet}}" in missing.err
    assert typed("estimate", "--day", "2024-10-01", "--retailer", "x").code == 2
    landed = scene.land([])
    empty = typed(*WORDS)
    assert empty.code == 1
    assert str(landed) in empty.err
