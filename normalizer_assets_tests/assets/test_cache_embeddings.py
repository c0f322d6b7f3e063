"""Only accepted answers of models become entries, and only of published partitions."""

import pytest

from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.scene import Scene, invented, messages, steps


@pytest.mark.slow
@pytest.mark.parametrize(
    "standin_settings",
    [StandinSettings(batch_seconds=0.2, failing_lines=0.4, disagreement=0.3)],
)
def test_entries_come_from_accepted_answers_of_models_alone(scene: Scene) -> None:
    scene.set(GATE__MIN_SHARE_VALID="0", GATE__MIN_SHARE_ACCEPTED="0")
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(130))
    scene.publish()
    products = scene.rows("select * from normalizer.published_products")
    assert {product.status for product in products} == {"accepted", "review"}
    assert "rules" in {product.answered_by for product in products}
    wanted = {
        product.question_key
        for product in scene.rows("select * from normalizer.product_rows")
        if product.status == "accepted" and product.answered_by != "rules"
    }
    entries = scene.rows(
        "select entry.question_key, entry.name, vector_dims(entry.embedding) as dimensions, "
        "answer.status from normalizer.cache_entries entry "
        "join normalizer.answers answer using (request_id)"
    )
    assert {entry.question_key for entry in entries} == wanted
    assert {entry.status for entry in entries} == {"accepted"}
    assert {entry.dimensions for entry in entries} == {1536}


def test_a_partition_that_is_not_published_is_refused_when_launched_alone(scene: Scene) -> None:
    scene.set(CONFIDENCE__THRESHOLD="1")
    scene.land(invented(6))
    scene.submit()
    scene.collect()
    result = scene.run("__ASSET_JOB", selection=["cache_embeddings"])
    assert steps(result) == {"cache_embeddings": "failure"}
    assert "2024-10-01|lider is not published: its gate is red" in messages(result)
    assert scene.rows("select * from normalizer.cache_entries") == []


@pytest.mark.slow
def test_embedding_again_pays_nothing(scene: Scene) -> None:
    scene.land(invented(6))
    scene.publish()
    paid = scene.rows("select * from normalizer.batch_requests where step = 'embedding'")
    assert paid
    result = scene.run("__ASSET_JOB", selection=["cache_embeddings"])
    metadata = result.asset_materializations_for_node("cache_embeddings")[0].metadata
    assert metadata["new_entries"].value == 0
    assert scene.rows("select * from normalizer.batch_requests where step = 'embedding'") == paid
