"""Vectors: hashed character trigrams, unit length.

Belongs here: checking an embeddings request, computing and encoding its vectors. Does
not belong here: anything semantic; texts are near when they share letters.
"""

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

from normalizer_assets.prompting.tokens import count_tokens
from normalizer_assets.standin.errors import (
    ApiError,
    invalid_type,
    invalid_value,
    missing_parameter,
    out_of_range,
    unknown_model,
)

MAX_INPUTS = 2048
MAX_INPUT_TOKENS = 8192
MAX_REQUEST_TOKENS = 300_000
NATIVE_DIMENSIONS = {"text-embedding-3-large": 3072}
DEFAULT_DIMENSIONS = 1536
MODEL_PREFIX = "text-embedding"

_FACTORS = np.array([2_654_435_761, 2_246_822_519, 3_266_489_917], dtype=np.uint32)


def embed(texts: list[str], dimensions: int) -> npt.NDArray[np.float32]:
    """Embeds texts.

    Counts of trigrams are never negative, so no text's vector is zero and the cosine
    of two vectors lies between 0 and 1.

    Args:
        texts: Not empty, none of them empty.
        dimensions: Length of a vector.

    Returns:
        Array of shape (texts, dimensions), each row of length 1.
    """
    # One array of code points for all texts, each framed by two signs, so that n letters
    # give n trigrams; those that span two texts are left out.
    framed = [f"\x02{text.lower()}\x03" for text in texts]
    lengths = np.array([len(text) for text in framed])
    # Lone surrogates are valid in JSON and have no encoding of their own.
    letters = np.frombuffer("".join(framed).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    rows = np.repeat(np.arange(len(texts)), lengths)
    hashes = letters[:-2] * _FACTORS[0] ^ letters[1:-1] * _FACTORS[1] ^ letters[2:] * _FACTORS[2]
    hashes ^= hashes >> np.uint32(15)
    within = rows[:-2] == rows[2:]
    places = rows[:-2][within] * dimensions + (hashes[within] % np.uint32(dimensions))
    counts = np.bincount(places, minlength=len(texts) * dimensions)
    vectors = counts.reshape(len(texts), dimensions).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def respond(body: dict[str, Any], models: frozenset[str]) -> dict[str, Any]:
    """Answers one embeddings request.

    Args:
        body: The request.
        models: Ids that exist.

    Raises:
        ApiError: What the real API refuses.
    """
    model = body.get("model")
    if model is None:
        raise ApiError("you must provide a model parameter")
    if model not in models:
        raise unknown_model(model)
    if not str(model).startswith(MODEL_PREFIX):
        raise ApiError("You are not allowed to generate embeddings from this model", status=403)
    texts = _texts(body.get("input"))
    encoding = body.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise invalid_value("encoding_format", encoding, ["float", "base64"])
    native = NATIVE_DIMENSIONS.get(str(model), DEFAULT_DIMENSIONS)
    dimensions = body.get("dimensions", native)
    if type(dimensions) is not int:
        raise invalid_type("dimensions", "an integer", dimensions)
    if not 1 <= dimensions <= native:
        raise out_of_range("dimensions", dimensions, 1, native)
    tokens = _count(texts)
    vectors = embed(texts, dimensions)
    encoded = (
        vectors.tolist()
        if encoding == "float"
        else [base64.b64encode(vector.astype("<f4").tobytes()).decode() for vector in vectors]
    )
    return {
        "object": "list",
        "model": f"{model}-standin",
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(encoded)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _texts(given: Any) -> list[str]:
    if given is None:
        raise missing_parameter("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ApiError(
            "Invalid type for 'input': expected a string or an array of strings (the stand-in "
            "takes no token arrays).",
            param="input",
            code="invalid_type",
        )
    if len(texts) > MAX_INPUTS:
        raise ApiError(
            f"Invalid 'input': array too long. Expected an array with maximum length "
            f"{MAX_INPUTS}, but got an array with length {len(texts)} instead.",
            param="input",
            code="array_above_max_length",
        )
    if not texts:
        raise ApiError(
            "Invalid 'input': empty array. Expected an array with minimum length 1, but got an "
            "empty array instead.",
            param="input",
            code="empty_array",
        )
    for index, text in enumerate(texts):
        if not text:
            raise ApiError(
                f"Invalid 'input[{index}]': input cannot be an empty string.", param="input"
            )
    return texts


def _count(texts: list[str]) -> int:
    counts = count_tokens(texts)
    for count in counts:
        if count > MAX_INPUT_TOKENS:
            raise ApiError(
                f"This model's maximum context length is {MAX_INPUT_TOKENS} tokens, however you "
                f"requested {count} tokens ({count} in your prompt; 0 for the completion). "
                f"Please reduce your prompt; or completion length.",
            )
    total = int(counts.sum())
    if total > MAX_REQUEST_TOKENS:
        raise ApiError(
            f"Requested {total} tokens, max {MAX_REQUEST_TOKENS} tokens per request",
            kind="max_tokens_per_request",
            code="max_tokens_per_request",
        )
    return total
