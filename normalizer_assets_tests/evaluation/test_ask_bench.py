"""The figures' shape and what can be known of them; how fast it is, is not tested."""

from normalizer_assets.evaluation.ask_bench import prompts, route
from normalizer_assets.evaluation.bench_listings import bench_listings
from normalizer_assets.prompting.tokens import TOKENS_PER_MESSAGE, TOKENS_PER_REPLY


def test_routing_is_timed_with_and_without_keys() -> None:
    figures = route(bench_listings(None, 200))
    assert (figures["name"], figures["rows"]) == ("route", 200)
    assert figures["rows_per_second"] > 0
    assert figures["whole_rows_per_second"] > 0
    assert set(figures["tiers"]) == {"full", "mini"}
    assert abs(sum(figures["tiers"].values()) - 1) < 0.001


def test_lines_and_counting_are_timed_for_short_and_for_long_prompts() -> None:
    figures = prompts(bench_listings(None, 200))
    assert (figures["name"], figures["rows"]) == ("prompts", 200)
    for part in ("batch", "detailed"):
        measured = figures[part]
        assert measured["lines_per_second"] > 0
        assert measured["counted_per_second"] > 0
        chat_format = 2 * TOKENS_PER_MESSAGE + TOKENS_PER_REPLY
        assert measured["prompt_tokens"] - measured["content_tokens"] == chat_format
    assert figures["batch"]["content_tokens"] < 60 < figures["detailed"]["content_tokens"]
