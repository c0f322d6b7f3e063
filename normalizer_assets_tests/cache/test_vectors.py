"""Vectors: each text is paid for once, whatever its length is to be."""

import polars as pl
import pytest
import sqlalchemy as sa

from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache import vectors
from normalizer_assets.config import ConfigurationError
from normalizer_assets.db.tables import batch_requests, embedded_texts
from normalizer_assets_tests.batching.settings import configured

TEXTS = pl.Series(["Jugo Watts Durazno", "Leche Colun", "Jugo Watts Durazno"])


def dimensions(work: PartitionWork) -> int:
    with work.engine.connect() as connection:
        return vectors.stored_dimensions(connection)


def kept(work: PartitionWork) -> list[list[float]]:
    with work.engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "select embedding::vector::real[] from normalizer.embedded_texts order by text_hash"
            )
        )
        return [list(row[0]) for row in rows]


def calls(work: PartitionWork) -> int:
    with work.engine.connect() as connection:
        statement = sa.select(sa.func.count()).select_from(batch_requests)
        return int(connection.execute(statement).scalar_one())


@pytest.mark.parametrize(
    ("name", "brand", "text"),
    [
        ("Jugo Durazno", "Watts", "Watts Jugo Durazno"),
        ("Jugo WATTS Durazno", "Watts", "Jugo WATTS Durazno"),
        ("Jugo Durazno", None, "Jugo Durazno"),
    ],
)
def test_the_text_is_the_name_with_the_brand_that_it_lacks(
    name: str, brand: str | None, text: str
) -> None:
    frame = pl.DataFrame({"name": [name], "brand": [brand]}, schema_overrides={"brand": pl.String})
    assert frame.select(vectors.embedded_text(pl.col("name"), pl.col("brand"))).item() == text


def test_a_text_is_embedded_once(work: PartitionWork) -> None:
    first = vectors.embed_texts(work, TEXTS)
    assert first.tokens > 0
    assert len(kept(work)) == 2
    assert vectors.embed_texts(work, TEXTS) == vectors.Spent()
    assert calls(work) == 1


def test_another_model_or_length_is_another_text(work: PartitionWork) -> None:
    settings = work.config.embedding
    shorter = settings.model_copy(update={"dimensions": 512})
    other = settings.model_copy(update={"model": "text-embedding-3-large"})
    hashes = {vectors.text_hashes(TEXTS, one)[0] for one in (settings, shorter, other)}
    assert len(hashes) == 3


def test_an_empty_cache_takes_the_configured_length(work: PartitionWork) -> None:
    short = configured(work, embedding={"dimensions": 512})
    vectors.embed_texts(short, TEXTS)
    assert dimensions(work) == 512
    assert {len(vector) for vector in kept(work)} == {512}


def test_a_filled_cache_keeps_its_length_and_says_what_to_do(work: PartitionWork) -> None:
    vectors.embed_texts(work, TEXTS)
    short = configured(work, embedding={"dimensions": 512})
    with pytest.raises(ConfigurationError, match="normalizer cache resize"):
        vectors.embed_texts(short, TEXTS)
    assert dimensions(work) == 1536


def test_shorter_vectors_are_cut_and_of_length_one(work: PartitionWork) -> None:
    entry = (
        "insert into normalizer.cache_entries (question_key, category_group, name, "
        "answer_contract, embedding_model, text_hash, embedding) values ('q', 'dairy', 'x', 1, "
        "'m', gen_random_uuid(), (array[3, 4] || array_fill(9, array[1534]))::halfvec)"
    )
    with work.engine.begin() as connection:
        connection.execute(sa.text(entry))
        assert vectors.resize(connection, 2) == 1
        [vector] = connection.execute(
            sa.text("select embedding::vector::real[] from normalizer.cache_entries")
        ).scalars()
    assert vector == pytest.approx([0.6, 0.8], abs=1e-3)
    with work.engine.begin() as connection:
        assert vectors.resize(connection, 8) == 0  # longer ones cannot be made of them
    assert dimensions(work) == 8


def test_shorter_texts_without_an_entry_are_dropped(work: PartitionWork) -> None:
    vectors.embed_texts(work, TEXTS)
    with work.engine.begin() as connection:
        vectors.resize(connection, 512)
        left = connection.execute(sa.select(sa.func.count()).select_from(embedded_texts)).scalar()
    assert left == 0
