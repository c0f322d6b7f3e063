import dataclasses
from decimal import Decimal
from typing import Any

import openai
import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching import ledger
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache.embeddings import Embedded, embed_pending, pending_entries
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
from normalizer_assets_tests.batching.listings import land
from normalizer_assets_tests.batching.scripted_api import (
    DIMENSIONS,
    DROPPED,
    Reply,
    ScriptedApi,
    error,
)

EMBEDDINGS = "POST /embeddings"
DROPPED_THRICE = [DROPPED] * 3
TOKEN_USD = Decimal("0.00000002")


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
            request_id = ledger.plan_request(
                connection,
                work.partition,
                "individual",
                {
                    "custom_id": product["sku"],
                    "llm_model": "m",
                    "body_hash": "x",
                    "estimated_usd": Decimal(0),
                },
            )
            ledger.settle_request(connection, request_id, {"state": "ok", "cost_usd": 0})
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
            sa.update(partitions).values(
                newest_version=1, published_version=1 if published else None
            )
        )


def limited(work: PartitionWork, **limits: int) -> PartitionWork:
    embedding = work.config.embedding.model_copy(update=limits)
    return dataclasses.replace(work, config=work.config.model_copy(update={"embedding": embedding}))


def entries(work: PartitionWork) -> dict[str, str]:
    with work.engine.connect() as connection:
        rows = connection.execute(sa.select(cache_entries.c.question_key, cache_entries.c.text))
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


def test_the_text_is_the_name_with_its_brand(scripted_work: PartitionWork) -> None:
    publish(
        scripted_work,
        [
            {"name": "Jugo 1L", "brand": "ACME"},
            {"name": "Acme Jugo 1L", "brand": "ACME"},
            {"name": "Jugo sin marca", "brand": None},
        ],
    )
    embed_pending(scripted_work)
    assert list(entries(scripted_work).values()) == [
        "ACME Jugo 1L",
        "Acme Jugo 1L",
        "Jugo sin marca",
    ]


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
            sa.text("select text, embedding::vector::real[] from normalizer.cache_entries")
        ).all()
    assert len(rows) == 3
    for text, vector in rows:
        assert vector.index(1.0) == sum(text.encode()) % DIMENSIONS


# --- failures -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        ([error(401, "Incorrect API key provided", "invalid_api_key")], "http_error"),
        ([error(429, "quota", "insufficient_quota", retry_after_ms="1")] * 3, "http_error"),
        (DROPPED_THRICE, "outcome_unknown"),
        (
            [Reply(body=b"not JSON", headers={"content-type": "application/json"})],
            "outcome_unknown",
        ),
        ([Reply(body=b"not JSON", headers={"content-type": "text/html"})], "outcome_unknown"),
    ],
)
def test_a_failure_keeps_what_is_stored_and_leaves_the_rest(
    scripted_work: PartitionWork, api: ScriptedApi, trouble: list[Reply], state: str
) -> None:
    publish(scripted_work, [{}] * 3)
    one_by_one = limited(scripted_work, inputs_per_call=1, concurrency=1)
    api.then(EMBEDDINGS, None, *trouble)
    with pytest.raises(Exception, match=r"."):
        embed_pending(one_by_one)
    assert entries(scripted_work).keys() >= {"q0"}
    assert "q1" not in entries(scripted_work)
    failed = embedding_requests(scripted_work)[1]
    assert failed.state == state
    assert failed.cost_usd == (failed.estimated_usd if state == "outcome_unknown" else 0)
    api.answer_again()
    embed_pending(one_by_one)
    assert entries(scripted_work).keys() == {"q0", "q1", "q2"}
    assert {row.state for row in embedding_requests(scripted_work)} == {"ok", state}


def test_a_passing_failure_is_tried_again(scripted_work: PartitionWork, api: ScriptedApi) -> None:
    publish(scripted_work, [{}])
    api.then(EMBEDDINGS, error(500, "down", retry_after_ms="1"))
    assert embed_pending(scripted_work).entries == 1


def test_a_reply_with_too_few_vectors_stores_none(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    publish(scripted_work, [{}, {}])
    one = {"object": "embedding", "index": 0, "embedding": [1.0] + [0.0] * (DIMENSIONS - 1)}
    usage = {"prompt_tokens": 14, "total_tokens": 14}
    api.then(EMBEDDINGS, Reply(body={"object": "list", "data": [one], "usage": usage}))
    with pytest.raises(KeyError):
        embed_pending(scripted_work)
    assert entries(scripted_work) == {}
    assert embed_pending(scripted_work).entries == 2


def test_another_partition_may_embed_the_same_question_meanwhile(
    scripted_work: PartitionWork, api: ScriptedApi
) -> None:
    publish(scripted_work, [{}, {}])

    def meanwhile() -> None:
        with scripted_work.engine.begin() as connection:
            connection.execute(
                sa.text(
                    "insert into normalizer.cache_entries select question_key, request_id, "
                    "'beverages', 'theirs', 'm', array_fill(1, array[1536])::halfvec "
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


# --- the index ------------------------------------------------------------------------


def test_the_nearest_entries_are_found_through_the_index(scripted_work: PartitionWork) -> None:
    publish(scripted_work, [{}])
    with scripted_work.engine.begin() as connection:
        connection.execute(
            sa.text(
                """
                insert into normalizer.cache_entries
                select 'n' || n, (select min(request_id) from normalizer.answers), 'beverages',
                       'x', 'm', (array_fill(0, array[n]) || array[1]
                                  || array_fill(0, array[1535 - n]))::halfvec
                from generate_series(1, 1400) n
                """
            )
        )
        connection.execute(sa.text("analyze normalizer.cache_entries"))
        query = """
            select question_key from normalizer.cache_entries
            order by embedding <=> (select embedding from normalizer.cache_entries
                                    where question_key = 'n7')
            limit 1
            """
        plan = "\n".join(connection.execute(sa.text(f"explain {query}")).scalars())
        nearest = connection.execute(sa.text(query)).scalar()
    assert "Index Scan using cache_entries_by_similarity" in plan
    assert nearest == "n7"
