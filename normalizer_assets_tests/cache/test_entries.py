import dataclasses
from array import array
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import openai
import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import call_ledger, ledger
from normalizer_assets.batching.errors import BlockedError
from normalizer_assets.batching.individual import resume
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache.entries import Embedded, embed_pending, pending_entries
from normalizer_assets.config import ConfigurationError
from normalizer_assets.db import bulk
from normalizer_assets.db.tables import (
    answers,
    batch_requests,
    cache_entries,
    partitions,
    product_rows,
    product_versions,
)
from normalizer_assets.resources.openai_client import connect_api
from normalizer_assets_tests.batching.listings import land, on_a_day_of_its_own
from normalizer_assets_tests.batching.scripted_api import (
    DIMENSIONS,
    DROPPED,
    LOST,
    NO_QUOTA,
    WEB_PAGE,
    WRONG_KEY,
    Reply,
    ScriptedApi,
    encoded,
    error,
)
from normalizer_assets_tests.batching.settings import configured, one_by_one

EMBEDDINGS = "POST /embeddings"
TOKEN_USD = Decimal("0.00000002")


def vectors(*given: object) -> Reply:
    """Returns a reply of the API with these embeddings."""
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(given)
    ]
    usage = {"prompt_tokens": 14, "total_tokens": 14}
    return Reply(body={"object": "list", "data": data, "usage": usage})


TOO_FEW = vectors(encoded(array("f", [1.0] * DIMENSIONS)))
NOT_VECTORS = vectors("####", "####")
NO_NUMBERS = vectors(*[encoded(array("f", [float("nan")] * DIMENSIONS))] * 2)
TOO_SHORT = vectors(*[encoded(array("f", [1.0, 0.0]))] * 2)


def publish(work: PartitionWork, rows: list[dict[str, Any]], *, published: bool = True) -> None:
    """Writes products with an answer each; a row says how it differs from a good one."""
    land(work, state="published" if published else "held")
    key = {"retailer": work.partition.retailer, "day": work.partition.day}
    products = [
        key
        | {
            "version": 1,
            "sku": f"sku {number}",
            "question_key": f"q{number}",
            "name": f"Jugo {number} 1L",
            "category_group": "beverages",
            "brand": "ACME",
            "listing_brand": None,
            "attributes": "{}",
            "normalized_name": "x",
            "confidence": 0.9,
            "status": "accepted",
            "reasons": "",
            "route": "mini",
            "score": 0.1,
            "answered_by": "batch",
            "cost_usd": Decimal(0),
            "run_id": "run",
        }
        | row
        for number, row in enumerate(rows)
    ]
    with work.engine.begin() as connection:
        for product in products:
            if product["answered_by"] in ("cache", "rules"):
                continue
            request = {
                "custom_id": product["sku"],
                "llm_model": "m",
                "body_hash": "x",
                "estimated_usd": Decimal(0),
                "bound_usd": Decimal(0),
            }
            [request_id] = call_ledger.plan_requests(
                connection, work.partition, "individual", [request]
            )
            call_ledger.settle_request(connection, request_id, {"state": "ok", "cost_usd": 0})
            connection.execute(
                sa.insert(answers).values(
                    **key,
                    request_id=request_id,
                    question_key=product["question_key"],
                    answered_by=product["answered_by"],
                    llm_model="m",
                    attributes={},
                )
            )
        connection.execute(
            sa.insert(product_versions).values(
                **key, version=1, run_id="run", content_hash="x", row_count=1, verdict="green"
            )
        )
        bulk.insert(connection, product_rows, pl.DataFrame(products))
        connection.execute(
            sa.update(partitions)
            .where(work.partition.of(partitions))
            .values(newest_version=1, published_version=1 if published else None)
        )


def limited(work: PartitionWork, **limits: int) -> PartitionWork:
    quick = one_by_one(work, concurrency=8)
    return configured(quick, embedding=limits)


def files(work: PartitionWork) -> list[str]:
    folder = work.storage / "embeddings"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def entries(work: PartitionWork) -> dict[str, str]:
    with work.engine.connect() as connection:
        rows = connection.execute(sa.select(cache_entries.c.question_key, cache_entries.c.name))
        return {key: text for key, text in rows}  # noqa: C416 - rows are no pairs


def embedding_requests(work: PartitionWork) -> list[Any]:
    with work.engine.connect() as connection:
        return list(
            connection.execute(
                sa.select(batch_requests)
                .where(batch_requests.c.step == "embedding")
                .order_by(batch_requests.c.request_id)
            )
        )


# --- what is embedded -----------------------------------------------------------------


def test_only_accepted_answers_of_models_bought_here_are_embedded(
    scripted_work: PartitionWork,
) -> None:
    publish(
        scripted_work,
        [
            {"answered_by": "batch"},
            {"answered_by": "individual"},
            {"answered_by": "legacy"},
            {"answered_by": "rules"},
            {"answered_by": "cache"},
            {"status": "review"},
            {"status": "rejected"},
        ],
    )
    assert embed_pending(scripted_work).entries == 3
    assert set(entries(scripted_work)) == {"q0", "q1", "q2"}


def test_a_partition_that_is_not_published_has_nothing_to_embed(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    publish(scripted_work, [{}], published=False)
    assert embed_pending(scripted_work) == Embedded()
    assert api.count(EMBEDDINGS) == 0


def test_the_text_is_the_name_with_its_brand(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    publish(
        scripted_work,
        [
            {"name": "Jugo 1L", "listing_brand": "ACME"},
            {"name": "Acme Jugo 1L", "listing_brand": "ACME"},
            {"name": "Jugo sin marca", "listing_brand": None},
        ],
    )
    embed_pending(scripted_work)
    [body] = api.bodies(EMBEDDINGS)
    assert body["input"] == ["ACME Jugo 1L", "Acme Jugo 1L", "Jugo sin marca"]


def test_several_rows_of_one_question_make_one_entry(scripted_work: PartitionWork) -> None:
    publish(
        scripted_work,
        [{"question_key": "same"}, {"question_key": "same", "answered_by": "cache"}],
    )
    with scripted_work.engine.connect() as connection:
        assert pending_entries(connection, scripted_work.partition).height == 1
    assert embed_pending(scripted_work).entries == 1


def test_embedding_again_pays_nothing(scripted_work: PartitionWork, api: ScriptedApi) -> None:
    publish(scripted_work, [{}, {}])
    first = embed_pending(scripted_work)
    assert first == Embedded(entries=2, tokens=14, cost_usd=14 * TOKEN_USD)
    assert embed_pending(scripted_work) == Embedded()
    assert api.count(EMBEDDINGS) == 1


# --- calls ----------------------------------------------------------------------------


def test_calls_keep_the_limit_on_inputs(scripted_work: PartitionWork, api: ScriptedApi) -> None:
    publish(scripted_work, [{}] * 5)
    assert embed_pending(limited(scripted_work, inputs_per_call=2)).entries == 5
    assert sorted(len(body["input"]) for body in api.bodies(EMBEDDINGS)) == [1, 2, 2]
    assert {body["model"] for body in api.bodies(EMBEDDINGS)} == {"text-embedding-3-small"}
    assert {body["dimensions"] for body in api.bodies(EMBEDDINGS)} == {DIMENSIONS}


def test_calls_keep_the_limit_on_tokens(scripted_work: PartitionWork, api: ScriptedApi) -> None:
    from normalizer_assets.prompting.tokens import count_tokens

    publish(scripted_work, [{"name": f"Jugo {'de naranja ' * (n % 4)}{n}"} for n in range(20)])
    limit = 40
    assert embed_pending(limited(scripted_work, tokens_per_call=limit)).entries == 20
    sent = [body["input"] for body in api.bodies(EMBEDDINGS)]
    assert len(sent) > 1
    assert all(count_tokens(pl.Series(texts)).sum() <= limit for texts in sent)
    assert sorted(text for texts in sent for text in texts) == sorted(
        entries(scripted_work).values()
    )


def test_a_call_is_in_the_ledger_before_it_leaves(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    publish(scripted_work, [{}, {}])
    seen: list[Any] = []
    api.before[EMBEDDINGS] = lambda: seen.extend(embedding_requests(scripted_work))
    embed_pending(scripted_work)
    assert [(row.state, row.cost_usd) for row in seen] == [("sent", None)]
    assert seen[0].estimated_usd > 0
    [row] = embedding_requests(scripted_work)
    assert (row.state, row.input_tokens, row.cost_usd) == ("ok", 14, 14 * TOKEN_USD)
    with scripted_work.engine.connect() as connection:
        assert ledger.cost_of(connection, scripted_work.partition) == 14 * TOKEN_USD


def test_every_vector_stays_with_its_text(scripted_work: PartitionWork) -> None:
    publish(scripted_work, [{"name": name} for name in ("a", "b", "c")])
    embed_pending(scripted_work)
    with scripted_work.engine.connect() as connection:
        rows = connection.execute(
            sa.text("select name, embedding::vector::real[] from normalizer.cache_entries")
        ).all()
    assert len(rows) == 3
    for text, vector in rows:
        assert vector.index(1.0) == sum(text.encode()) % DIMENSIONS


# --- failures -------------------------------------------------------------------------


@pytest.mark.parametrize(("trouble", "by"), [(WRONG_KEY, "key"), (NO_QUOTA, "quota")])
def test_a_refusal_of_everything_stops_and_keeps_what_is_stored(
    scripted_work: PartitionWork, api: ScriptedApi, trouble: Reply, by: str
) -> None:
    publish(scripted_work, [{}] * 5)
    single = limited(scripted_work, inputs_per_call=1, concurrency=1)
    api.then(EMBEDDINGS, None, *[trouble] * 9)
    with pytest.raises(BlockedError) as blocked:
        embed_pending(single)
    assert blocked.value.by == by
    assert api.count(EMBEDDINGS) <= 3
    assert entries(scripted_work).keys() == {"q0"}
    assert sum(row.cost_usd for row in embedding_requests(scripted_work)) == 7 * TOKEN_USD
    api.answer_again()
    assert embed_pending(single).entries == 4
    assert {row.state for row in embedding_requests(scripted_work)} == {"ok", "not_executed"}


@pytest.mark.parametrize(
    "trouble",
    [
        LOST,
        DROPPED,
        WEB_PAGE,
        error(502, "Bad Gateway"),
        TOO_FEW,
        NOT_VECTORS,
        NO_NUMBERS,
        TOO_SHORT,
    ],
)
def test_a_call_whose_reply_cannot_be_used_is_left_and_repeated_once_by_a_later_run(
    scripted_work: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    publish(scripted_work, [{}, {}])
    api.then(EMBEDDINGS, trouble, trouble, trouble)
    for calls in (1, 2, 2):
        assert embed_pending(limited(scripted_work)) == Embedded(left=2)
        assert api.count(EMBEDDINGS) == calls
    assert entries(scripted_work) == {}
    rows = embedding_requests(scripted_work)
    assert [row.state for row in rows] == ["outcome_unknown"] * 2
    assert all(row.cost_usd == row.bound_usd > 0 for row in rows)


def test_after_one_lost_reply_the_next_run_stores_the_vectors(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    publish(scripted_work, [{}, {}])
    api.then(EMBEDDINGS, LOST)
    assert embed_pending(scripted_work).left == 2
    assert embed_pending(scripted_work).entries == 2
    assert [row.state for row in embedding_requests(scripted_work)] == ["outcome_unknown", "ok"]


def test_one_lost_call_does_not_keep_the_others_back(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    publish(scripted_work, [{}] * 3)
    api.then(EMBEDDINGS, None, LOST)
    embedded = embed_pending(limited(scripted_work, inputs_per_call=1, concurrency=1))
    assert (embedded.entries, embedded.left) == (2, 1)


@pytest.mark.parametrize("trouble", [error(500, "down"), error(429, "Rate limit", None)])
def test_a_passing_failure_is_tried_again(
    scripted_work: PartitionWork, api: ScriptedApi, trouble: Reply
) -> None:
    publish(scripted_work, [{}])
    api.then(EMBEDDINGS, trouble)
    assert embed_pending(limited(scripted_work)).entries == 1
    assert [row.state for row in embedding_requests(scripted_work)] == ["ok"]


def test_over_budget_answers_are_left_for_a_run_with_money(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    publish(scripted_work, [{}, {}])
    poor = configured(scripted_work, budget={"day_usd": 0.0})
    assert embed_pending(poor) == Embedded(left=2)
    assert api.count(EMBEDDINGS) == 0
    assert embedding_requests(scripted_work) == []
    assert embed_pending(scripted_work).entries == 2


# --- after a restart ------------------------------------------------------------------


def kill_before_reading(work: PartitionWork, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves a call as a process does that died after the reply was kept."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("normalizer_assets.cache.vectors._read", die)
        with pytest.raises(KeyboardInterrupt):
            embed_pending(work)
    with work.engine.begin() as connection:
        connection.execute(
            sa.update(batch_requests)
            .where(batch_requests.c.step == "embedding")
            .values(state=state, raw=None if state == "sent" else batch_requests.c.raw)
        )


def test_a_kept_reply_is_stored_after_a_restart_without_paying(
    scripted_work: PartitionWork, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(scripted_work, [{}, {}])
    kill_before_reading(scripted_work, "received", monkeypatch)
    assert len(files(scripted_work)) == 2
    embed_pending(scripted_work)
    assert entries(scripted_work).keys() == {"q0", "q1"}
    assert api.count(EMBEDDINGS) == 1
    [row] = embedding_requests(scripted_work)
    assert (row.state, row.cost_usd) == ("ok", 14 * TOKEN_USD)
    assert files(scripted_work) == []


def test_a_reply_that_was_kept_and_not_recorded_costs_nothing_again(
    scripted_work: PartitionWork, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(scripted_work, [{}, {}])
    kill_before_reading(scripted_work, "sent", monkeypatch)
    resume(scripted_work)
    embed_pending(scripted_work)
    assert entries(scripted_work).keys() == {"q0", "q1"}
    assert api.count(EMBEDDINGS) == 1


def test_a_call_whose_caller_died_is_repeated_once(
    scripted_work: PartitionWork, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(scripted_work, [{}, {}])
    kill_before_reading(scripted_work, "sent", monkeypatch)
    for path in (scripted_work.storage / "embeddings").glob("*.reply.json"):
        path.unlink()
    assert embed_pending(scripted_work).entries == 2
    assert api.count(EMBEDDINGS) == 2
    assert [row.state for row in embedding_requests(scripted_work)] == ["outcome_unknown", "ok"]


def test_a_kept_reply_without_its_file_is_lost_and_stops_nothing(
    scripted_work: PartitionWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(scripted_work, [{}, {}])
    kill_before_reading(scripted_work, "received", monkeypatch)
    for path in (scripted_work.storage / "embeddings").iterdir():
        path.unlink()
    assert embed_pending(scripted_work).entries == 2
    assert [row.state for row in embedding_requests(scripted_work)] == ["outcome_unknown", "ok"]


# --- several partitions ---------------------------------------------------------------


def test_two_partitions_embed_their_own_at_the_same_time(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    other = on_a_day_of_its_own(scripted_work)
    publish(scripted_work, [{"question_key": f"a{number}"} for number in range(6)])
    publish(other, [{"question_key": f"b{number}"} for number in range(6)])
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(embed_pending, (scripted_work, other)))
    assert [embedded.entries for embedded in both] == [6, 6]
    assert len(entries(scripted_work)) == 12
    assert api.count(EMBEDDINGS) == 2


def test_another_partition_may_embed_the_same_question_meanwhile(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    publish(scripted_work, [{}, {}])

    def meanwhile() -> None:
        with scripted_work.engine.begin() as connection:
            connection.execute(
                sa.text(
                    "insert into normalizer.cache_entries (question_key, request_id, "
                    "category_group, name, answer_contract, embedding_model, text_hash, "
                    "embedding) select question_key, request_id, 'beverages', 'theirs', 1, 'm', "
                    "gen_random_uuid(), array_fill(1, array[1536])::halfvec "
                    "from normalizer.answers where question_key = 'q0'"
                )
            )

    api.before[EMBEDDINGS] = meanwhile
    assert embed_pending(scripted_work).entries == 1
    assert entries(scripted_work)["q0"] == "theirs"
    assert embedding_requests(scripted_work)[0].state == "ok"


def test_without_a_usable_key_nothing_is_recorded(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    publish(scripted_work, [{}])
    keyless = dataclasses.replace(
        scripted_work, connect_api=lambda: connect_api(scripted_work.engine, {})
    )
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY is not set"):
        embed_pending(keyless)
    api.then("GET /models", error(401, "Incorrect API key provided", "invalid_api_key"))
    with pytest.raises((openai.AuthenticationError, ConfigurationError)):
        embed_pending(dataclasses.replace(scripted_work))
    assert embedding_requests(scripted_work) == []


def test_an_api_that_cannot_be_reached_costs_nothing(scripted_work: PartitionWork) -> None:
    publish(scripted_work, [{}])
    unreachable = openai.OpenAI(api_key="key", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with pytest.raises(openai.APIConnectionError):
        embed_pending(dataclasses.replace(scripted_work, connect_api=lambda: unreachable))
    [row] = embedding_requests(scripted_work)
    assert (row.state, row.cost_usd) == ("not_executed", 0)
