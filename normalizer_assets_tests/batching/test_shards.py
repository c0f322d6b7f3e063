import json
import re
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.batching.shards import (
    Shard,
    custom_ids,
    cut_shards,
    file_name,
    requests_by_line,
)
from normalizer_assets.config import BatchingConfig, ModelConfig

REQUESTS = st.lists(
    st.tuples(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
        st.sampled_from(["gpt-5", "gpt-5-mini"]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(
            lambda text: json.dumps({"prompt": text}, ensure_ascii=False)
        ),
        st.integers(0, 400),
    ),
    max_size=30,
    unique_by=lambda request: request[0],
)
LIMITS = st.builds(
    BatchingConfig,
    preferred_lines=st.integers(1, 8),
    max_lines=st.integers(1, 8),
    max_bytes=st.integers(600, 3000),
)
MODELS = st.fixed_dictionaries(
    {
        name: st.builds(
            ModelConfig, input_usd=st.just(1.0), enqueued_tokens=st.none() | st.integers(1, 1500)
        )
        for name in ("gpt-5", "gpt-5-mini")
    }
)
UNLIMITED = dict.fromkeys(("gpt-5", "m0", "m1"), ModelConfig(input_usd=1.0))
CUSTOM_ID = re.compile(r"batch_[0-9a-f]{6}_[0-9]+_[A-Za-z0-9-]{0,32}")


Request = tuple[str, str, str, int]


def frame(requests: list[Request]) -> pl.DataFrame:
    """Returns requests, each in a line of its own."""
    schema = {
        "sku": pl.String,
        "llm_model": pl.String,
        "body": pl.String,
        "prompt_tokens": pl.UInt32,
    }
    return pl.DataFrame(requests, schema=schema, orient="row").with_row_index("line")


def cut(
    requests: pl.DataFrame,
    limits: BatchingConfig,
    models: dict[str, ModelConfig] | None = None,
    salt: str = "salt",
) -> list[Shard]:
    return list(cut_shards(requests, limits, models or UNLIMITED, salt))


@settings(max_examples=100)
@given(requests=REQUESTS, limits=LIMITS, models=MODELS)
def test_every_request_is_in_exactly_one_shard_within_all_limits(
    requests: list[Request], limits: BatchingConfig, models: dict[str, ModelConfig]
) -> None:
    shards = cut(frame(requests), limits, models)
    placed = [row for shard in shards for row in shard.requests["sku"]]
    assert sorted(placed) == sorted(sku for sku, *_ in requests)
    for shard in shards:
        lines = shard.content.decode().removesuffix("\n").split("\n")
        assert len(lines) == shard.requests.height <= min(limits.preferred_lines, limits.max_lines)
        assert len(shard.content) <= limits.max_bytes
        assert set(shard.requests["llm_model"]) == {shard.llm_model}
        enqueued = models[shard.llm_model].enqueued_tokens
        if enqueued is not None and shard.requests.height > 1:
            assert shard.requests["prompt_tokens"].sum() <= enqueued
        for line, row in zip(lines, shard.requests.iter_rows(named=True), strict=True):
            parsed = json.loads(line)
            assert parsed["custom_id"] == row["custom_id"]
            assert parsed["body"] == json.loads(row["body"])
            assert (parsed["method"], parsed["url"]) == ("POST", "/v1/chat/completions")
            assert CUSTOM_ID.fullmatch(row["custom_id"])
    ids = [custom_id for shard in shards for custom_id in shard.requests["custom_id"]]
    assert len({shard.shard_hash for shard in shards}) == len(shards)
    assert len(set(ids)) == len(ids)


@settings(max_examples=50)
@given(requests=REQUESTS, limits=LIMITS, models=MODELS)
def test_the_same_requests_make_the_same_shards(
    requests: list[Request], limits: BatchingConfig, models: dict[str, ModelConfig]
) -> None:
    first = cut(frame(requests), limits, models)
    again = cut(frame(requests), limits, models)
    assert [(shard.shard_hash, shard.content) for shard in first] == [
        (shard.shard_hash, shard.content) for shard in again
    ]


def test_another_submission_of_the_same_lines_has_another_hash() -> None:
    requests = frame([("1", "gpt-5", "{}", 1)])
    [first] = cut(requests, BatchingConfig(), salt="2024-10-01|lider#0")
    [second] = cut(requests, BatchingConfig(), salt="2024-10-01|lider#1")
    assert first.shard_hash != second.shard_hash


def test_listings_that_ask_alike_but_apart_make_shards_apart() -> None:
    requests = frame([("1", "gpt-5", "{}", 1), ("2", "gpt-5", "{}", 1)])
    shards = cut(requests, BatchingConfig(preferred_lines=1))
    assert len({shard.shard_hash for shard in shards}) == 2


def test_the_order_is_kept_within_a_model_and_further_columns_stay() -> None:
    requests = frame([(str(n), f"m{n % 2}", "{}", 1) for n in range(6)]).with_columns(x=pl.lit(1))
    shards = cut(requests, BatchingConfig())
    assert [shard.requests["sku"].to_list() for shard in shards] == [
        ["0", "2", "4"],
        ["1", "3", "5"],
    ]
    assert all("x" in shard.requests.columns for shard in shards)


def test_bytes_are_counted_as_utf8() -> None:
    body = json.dumps({"prompt": "ñ" * 200}, ensure_ascii=False)
    requests = frame([(str(n), "gpt-5", body, 1) for n in range(4)])
    limits = BatchingConfig(max_bytes=1200)
    shards = cut(requests, limits)
    assert [shard.requests.height for shard in shards] == [2, 2]
    assert all(len(shard.content) <= 1200 for shard in shards)


def test_a_shard_never_holds_more_tokens_than_the_models_queue() -> None:
    requests = frame([(str(n), "gpt-5", "{}", tokens) for n, tokens in enumerate((4, 4, 3, 9, 20))])
    queue = {"gpt-5": ModelConfig(input_usd=1, enqueued_tokens=11)}
    shards = cut(requests, BatchingConfig(enqueued_share=1), queue)
    # One request that is too large alone is the API's to judge.
    assert [shard.requests["prompt_tokens"].to_list() for shard in shards] == [[4, 4, 3], [9], [20]]


@pytest.mark.parametrize(("refusals", "lines"), [(0, 8), (1, 4), (2, 2), (9, 1)])
def test_a_share_of_the_queue_is_filled_and_each_refusal_halves_it(
    refusals: int, lines: int
) -> None:
    requests = frame([(str(n), "gpt-5", "{}", 1) for n in range(8)])
    queue = {"gpt-5": ModelConfig(input_usd=1, enqueued_tokens=10)}
    shards = cut_shards(requests, BatchingConfig(), queue, "salt", {"gpt-5": refusals})
    assert next(shards).requests.height == lines


def test_each_model_has_its_own_queue() -> None:
    requests = frame([(str(n), f"m{n % 2}", "{}", 5) for n in range(8)])
    queues = {
        "m0": ModelConfig(input_usd=1, enqueued_tokens=10),
        "m1": ModelConfig(input_usd=1),
    }
    shards = cut(requests, BatchingConfig(enqueued_share=1), queues)
    assert [(shard.llm_model, shard.requests.height) for shard in shards] == [
        ("m0", 2),
        ("m0", 2),
        ("m1", 4),
    ]


def test_a_line_that_fits_no_file_is_named() -> None:
    requests = frame([("small", "gpt-5", "{}", 1), ("huge one", "gpt-5", "x" * 1000, 1)])
    with pytest.raises(ValueError, match=r"'huge one' has \d+ bytes.*batching\.max_bytes"):
        cut(requests, BatchingConfig(max_bytes=1000))


def test_the_file_is_named_by_time_and_shard() -> None:
    [shard] = cut(frame([("1", "gpt-5", "{}", 1)]), BatchingConfig())
    name = file_name(shard.shard_hash, datetime(2024, 10, 1, 3, 4, 5, tzinfo=UTC))
    assert name == f"batch_20241001_030405_{shard.shard_hash}.jsonl"
    assert re.fullmatch(r"[0-9a-f]{16}", shard.shard_hash)


@pytest.mark.parametrize(
    ("sku", "slug"),
    [
        ("MPM00-123", "MPM00-123"),
        ("  ñandú/2 ", "and-2"),
        ("x" * 40, "x" * 32),
        ("a" * 32 + "ñ", "a" * 32),
        ("???", ""),
    ],
)
def test_a_sku_is_slugged_to_what_an_id_may_hold(sku: str, slug: str) -> None:
    named = custom_ids(frame([("first", "m", "{}", 1), (sku, "m", "{}", 1)]), "batch_0a1b2c")
    assert named["custom_id"].to_list() == ["batch_0a1b2c_0_first", f"batch_0a1b2c_1_{slug}"]


# --- several requests in one line -----------------------------------------------------

PACKS = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.sampled_from(["gpt-5", "gpt-5-mini"]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
        st.integers(0, 80),
    ),
    max_size=15,
)


def packs(given_packs: list[tuple[int, str, str, int]]) -> pl.DataFrame:
    """Returns requests of packs: size, model, text of the body and tokens of each request."""
    rows = [
        (line, f"{line}-{place}", model, json.dumps({"prompt": text}), tokens)
        for line, (size, model, text, tokens) in enumerate(given_packs)
        for place in range(size)
    ]
    schema = {
        "line": pl.UInt32,
        "sku": pl.String,
        "llm_model": pl.String,
        "body": pl.String,
        "prompt_tokens": pl.UInt32,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


@settings(max_examples=100)
@given(given_packs=PACKS, limits=LIMITS, models=MODELS)
def test_a_pack_is_one_line_in_one_shard_within_all_limits(
    given_packs: list[tuple[int, str, str, int]],
    limits: BatchingConfig,
    models: dict[str, ModelConfig],
) -> None:
    requests = packs(given_packs)
    shards = cut(requests, limits.model_copy(update={"max_bytes": 4000}), models)
    placed = [sku for shard in shards for sku in shard.requests["sku"]]
    assert sorted(placed) == sorted(requests["sku"])
    seen = []
    for shard in shards:
        lines = [json.loads(line) for line in shard.content.decode().splitlines()]
        assert len(lines) == shard.lines <= min(limits.preferred_lines, limits.max_lines)
        assert len(shard.content) <= 4000
        enqueued = models[shard.llm_model].enqueued_tokens
        if enqueued is not None and shard.lines > 1:
            assert shard.requests["prompt_tokens"].sum() <= enqueued
        by_line = requests_by_line(reversed(shard.requests["custom_id"].to_list()))
        assert set(by_line) == {line["custom_id"] for line in lines}
        rows = {row["custom_id"]: row for row in shard.requests.iter_rows(named=True)}
        for line in lines:
            own = [rows[custom_id] for custom_id in by_line[line["custom_id"]]]
            # In the order of their numbers, all of one pack and the pack as a whole.
            number = own[0]["line"]
            seen.append(number)
            assert [row["sku"] for row in own] == [f"{number}-{n}" for n in range(len(own))]
            assert len(own) == given_packs[number][0]
            assert all(json.loads(row["body"]) == line["body"] for row in own)
    assert sorted(seen) == list(range(len(given_packs)))
    ids = [custom_id for shard in shards for custom_id in shard.requests["custom_id"]]
    assert len(set(ids)) == len(ids)
    assert all(len(custom_id) <= 64 for custom_id in ids)


def test_requests_of_a_pack_are_named_by_their_number_in_it() -> None:
    requests = packs([(1, "m0", "a", 1), (2, "m0", "b", 1), (1, "m0", "c", 1)])
    named = custom_ids(requests, "batch_0a1b2c")
    assert named["custom_id"].to_list() == [
        "batch_0a1b2c_0_0-0",
        "batch_0a1b2c_1_pack~1",
        "batch_0a1b2c_1_pack~2",
        "batch_0a1b2c_2_2-0",
    ]
    assert requests_by_line(named["custom_id"]) == {
        "batch_0a1b2c_0_0-0": ["batch_0a1b2c_0_0-0"],
        "batch_0a1b2c_1_pack": ["batch_0a1b2c_1_pack~1", "batch_0a1b2c_1_pack~2"],
        "batch_0a1b2c_2_2-0": ["batch_0a1b2c_2_2-0"],
    }


def test_the_longest_id_of_a_pack_is_within_the_limit() -> None:
    requests = packs([(50, "m0", "a", 1)] * 1000)
    named = custom_ids(requests, "batch_0a1b2c")
    assert named["custom_id"][-1] == "batch_0a1b2c_999_pack~50"
    assert requests_by_line(named["custom_id"])["batch_0a1b2c_999_pack"][9:11] == [
        "batch_0a1b2c_999_pack~10",
        "batch_0a1b2c_999_pack~11",
    ]


def test_another_listing_in_a_pack_makes_another_shard() -> None:
    requests = packs([(2, "gpt-5", "a", 1)])
    other = requests.with_columns(sku=pl.col("sku").replace("0-1", "0-9"))
    [first], [second] = cut(requests, BatchingConfig()), cut(other, BatchingConfig())
    assert first.shard_hash != second.shard_hash


def test_tokens_of_a_pack_count_together() -> None:
    requests = packs([(2, "gpt-5", "a", 3), (2, "gpt-5", "b", 2), (1, "gpt-5", "c", 4)])
    queue = {"gpt-5": ModelConfig(input_usd=1, enqueued_tokens=10)}
    shards = cut(requests, BatchingConfig(enqueued_share=1), queue)
    assert [shard.requests["line"].to_list() for shard in shards] == [[0, 0, 1, 1], [2]]
