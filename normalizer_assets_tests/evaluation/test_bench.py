import os

from normalizer_assets.evaluation.bench import pipeline


def test_the_pipeline_runs_every_stage_and_leaves_the_environment_alone() -> None:
    before = dict(os.environ)
    result = pipeline(130)
    assert result["name"] == "pipeline"
    assert result["rows"] == 130
    assert set(result["stages"]) == {
        "intake", "routing", "files", "submission", "standin_waiting", "results",
        "individual_calls", "normalised", "embedded", "individually", "entries",
    }  # fmt: skip
    assert result["stages"]["entries"] > 100
    assert dict(os.environ) == before
