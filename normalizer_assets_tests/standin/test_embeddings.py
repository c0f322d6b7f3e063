from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.standin.embeddings import embed, respond
from normalizer_assets.standin.errors import ApiError

MODEL = "text-embedding-3-small"
MODELS = frozenset({MODEL, "gpt-5"})


@settings(max_examples=50)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=5), st.integers(1, 1536))
def test_every_text_has_a_vector_of_length_one(texts: list[str], dimensions: int) -> None:
    vectors = embed(texts, dimensions)
    assert vectors.shape == (len(texts), dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@settings(max_examples=50)
@given(st.lists(st.text(min_size=1), min_size=2, max_size=5))
def test_a_vector_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    together = embed(texts, 64)
    alone = np.vstack([embed([text], 64) for text in texts])
    assert np.array_equal(together, alone)


def test_texts_that_share_letters_are_nearer() -> None:
    phone, variant, other = embed(
        ["iphone 15 pro 128gb negro", "iPhone 15 Pro 256GB Negro", "Leche entera 1L"], 1536
    )
    assert phone @ variant > 0.6
    assert phone @ other < 0.3


def test_a_full_request_is_answered_in_order() -> None:
    texts = [f"Producto {number} de prueba 256GB" for number in range(2048)]
    reply = respond({"model": MODEL, "input": texts, "dimensions": 16}, MODELS)
    vectors = np.array([entry["embedding"] for entry in reply["data"]], dtype=np.float32)
    assert np.array_equal(vectors, embed(texts, 16))
    assert [entry["index"] for entry in reply["data"]] == list(range(2048))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": None}, "you must provide a model parameter"),
        ({"model": "nope"}, "The model `nope` does not exist"),
        ({"model": "gpt-5"}, "not allowed to generate embeddings"),
        ({"input": None}, "Missing required parameter: 'input'"),
        ({"input": []}, "Invalid 'input': empty array"),
        ({"input": ["a", ""]}, r"Invalid 'input\[1\]': input cannot be an empty string"),
        ({"input": [1]}, "Invalid type for 'input'"),
        ({"input": ["a"] * 2049}, "maximum length 2048, but got an array with length 2049"),
        ({"input": "casa " * 9000}, "maximum context length is 8192 tokens"),
        ({"input": ["casa " * 8000] * 40}, "max 300000 tokens per request"),
        ({"encoding_format": "int8"}, "Invalid value: 'int8'"),
        ({"dimensions": 1537}, "Expected a value <= 1536, but got 1537"),
        ({"dimensions": 0}, "Expected a value >= 1, but got 0"),
        ({"dimensions": "many"}, "Invalid type for 'dimensions'"),
    ],
)
def test_it_refuses_what_the_real_api_refuses(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError, match=message):
        respond({"model": MODEL, "input": "texto"} | change, MODELS)
