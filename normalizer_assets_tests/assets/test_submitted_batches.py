"""Open questions leave in batches, once; few questions make none."""

import pytest

from normalizer_assets.resources.openai_client import connect_api
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.scene import Scene, invented, messages


def test_questions_leave_in_one_batch_a_model_and_nobody_waits(scene: Scene) -> None:
    scene.land(invented(130))
    result = scene.submit()
    metadata = result.asset_materializations_for_node("submitted_batches")[0].metadata
    assert metadata["questions_asked"].value == 130
    assert metadata["in_batches"].value == 130
    assert metadata["batches"].value == 2
    batches = scene.rows("select * from normalizer.batches order by llm_model")
    assert [(batch.llm_model, batch.line_count) for batch in batches] == [
        ("gpt-5", 43),
        ("gpt-5-mini", 87),
    ]
    assert scene.row().state == "waiting"
    listed = {batch.id for batch in connect_api(scene.engine).batches.list()}
    assert listed == {batch.batch_id for batch in batches}
    estimated = scene.scalar("select sum(estimated_usd) from normalizer.batch_requests")
    assert metadata["estimated_usd"].value == pytest.approx(float(estimated))


def test_few_questions_make_no_batch(scene: Scene) -> None:
    scene.land(invented(100))
    result = scene.submit()
    metadata = result.asset_materializations_for_node("submitted_batches")[0].metadata
    assert metadata["individually"].value == 100
    assert metadata["batch_ids"].value == "none"
    assert scene.rows("select * from normalizer.batches") == []
    assert scene.rows("select * from normalizer.batch_requests") == []
    assert scene.row().state == "waiting"


@pytest.mark.parametrize("standin_settings", [StandinSettings(batch_seconds=15)])
def test_submitting_again_asks_nothing_twice(scene: Scene) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    scene.submit()
    before = scene.rows("select * from normalizer.batch_requests order by request_id")
    assert scene.submit().success
    assert scene.rows("select * from normalizer.batch_requests order by request_id") == before
    assert len(list(connect_api(scene.engine).batches.list())) == 2


def test_a_missing_key_is_one_clear_line_and_loses_nothing(scene: Scene) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    with scene.monkeypatch.context() as unset:
        unset.delenv("OPENAI_API_KEY")
        result = scene.submit()
    assert not result.success
    assert "OPENAI_API_KEY is not set; export your key" in messages(result)
    assert scene.row().state == "submitted"
    assert scene.scalar("select count(*) from normalizer.batch_requests") == 12
    scene.publish()
    assert scene.scalar("select count(*) from normalizer.batches") == 2
