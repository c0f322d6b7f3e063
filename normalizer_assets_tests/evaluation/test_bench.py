import os

import pytest

from normalizer_assets.evaluation.bench import ledger, pipeline


@pytest.mark.slow
def test_the_pipeline_runs_every_stage_and_leaves_the_environment_alone() -> None:
    before = dict(os.environ)
    result = pipeline(130)
    assert result["name"] == "pipeline"
    assert result["rows"] == 130
    assert set(result["stages"]) == {
        "intake", "routing", "files", "submission", "standin_waiting", "results",
        "individual_calls", "normalised", "judged", "embedded", "individually", "entries",
    }  # fmt: skip
    assert result["stages"]["entries"] > 100
    assert dict(os.environ) == before


@pytest.mark.slow
def test_the_ledger_is_timed_without_an_api_and_every_question_is_answered() -> None:
    result = ledger(300)
    assert (result["name"], result["rows"]) == ("ledger", 300)
    assert {"claimed", "planned", "harvested", "to_ask"} <= set(result["stages"])
    assert all(seconds >= 0 for seconds in result["stages"].values())
    assert result["peak_mb"] > 0
