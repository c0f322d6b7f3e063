"""`normalizer reprocess`: history asked again, its price first, through batches."""

import json
from datetime import date

import pytest

from normalizer_assets.batching.partition import Partition
from normalizer_assets_tests.cli.conftest import Typed
from normalizer_assets_tests.scene import Scene, invented

pytestmark = pytest.mark.slow

WORDS = ("reprocess", "--from", "2024-10-01", "--to", "2024-10-02")
NEXT = Partition(date(2024, 10, 2), "lider")


def batches(scene: Scene) -> int:
    return int(scene.scalar("select count(*) from normalizer.batches"))


def test_a_new_model_asks_history_again_each_question_once(scene: Scene, typed: Typed) -> None:
    scene.land(invented(3))
    scene.publish()
    scene.land(invented(5), NEXT)
    scene.publish(NEXT)
    assert len(scene.bought()) == 5
    said = typed(*WORDS, "--json")
    assert said.code == 0
    assert [one["questions"] for one in json.loads(said.out)["partitions"]] == [0, 0]
    scene.set(TIERS__MINI__MODEL="gpt-4o-mini")
    refused = typed(*WORDS)
    assert refused.code == 1
    assert refused.err == "Error: nothing was sent; add --yes to pay this\n"
    assert (len(scene.bought()), batches(scene)) == (5, 0)
    said = typed(*WORDS, "--yes", "--wait", "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    simple = [sum(n % 3 != 2 for n in range(*span)) for span in ((0, 3), (3, 5))]
    assert [one["questions"] for one in told["partitions"]] == simple
    assert {one["state"] for one in told["partitions"]} == {"published"}
    assert told["estimated_usd"] > 0
    assert len(scene.bought()) == 5 + sum(simple)
    assert batches(scene) == 2
    models = scene.rows(
        "select distinct llm_model from normalizer.published_products "
        "where name not like 'Notebook%'"
    )
    assert [row.llm_model.startswith("gpt-4o-mini") for row in models] == [True]
    assert typed(*WORDS, "--yes").code == 0
    assert batches(scene) == 2


def test_all_asks_what_would_be_asked_the_same_too(scene: Scene, typed: Typed) -> None:
    scene.land(invented(3))
    scene.publish()
    said = typed(*WORDS, "--all", "--yes", "--wait")
    assert said.code == 0
    assert "2024-10-01|lider: published" in said.out
    assert len(scene.bought()) == 6


def test_without_history_there_is_nothing_to_do(scene: Scene, typed: Typed) -> None:
    scene.land(invented(3))
    scene.submit()
    said = typed(*WORDS, "--retailer", "lider")
    assert said.code == 1
    assert "no partition from 2024-10-01 to 2024-10-02 has products and is at rest" in said.err
