"""Cutting requests into shards, and naming shards and lines.

Belongs here: pure rules about the content of one JSONL file. Does not belong here:
files, the API, the ledger.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from normalizer_assets.config import BatchingConfig, ModelConfig
from normalizer_assets.prompting.bodies import CHAT, Endpoint, batch_lines

MOST_HALVINGS = 4
"""A queue that others fill is no reason to make ever smaller batches."""

NAMED_BY = 6
"""Characters of its shard's hash that a custom id begins with."""

PACKED = "~"
"""Stands in the custom id of a request that shares its line, between the line's id and the
listing's number in it. No id of a line has one."""


@dataclass(frozen=True)
class Shard:
    """The lines of one JSONL file: one model, one batch.

    Attributes:
        shard_hash: Names the shard in the ledger and in the batch's metadata.
        llm_model: The model that all lines ask.
        requests: The requests with their ``custom_id``.
        lines: How many lines they are: several listings may share one.
        content: The file, UTF-8.
    """

    shard_hash: str
    llm_model: str
    requests: pl.DataFrame
    lines: int
    content: bytes


def file_name(shard_hash: str, moment: datetime) -> str:
    """Returns ``batch_YYYYMMDD_HHMMSS_<shard hash>.jsonl`` (issue 2, point 6)."""
    return f"batch_{moment:%Y%m%d_%H%M%S}_{shard_hash}.jsonl"


def cut_shards(
    requests: pl.DataFrame,
    limits: BatchingConfig,
    models: Mapping[str, ModelConfig],
    salt: str,
    refusals: Mapping[str, int] | None = None,
    endpoint: Endpoint = CHAT,
) -> Iterator[Shard]:
    """Cuts requests into shards of one model within the limits on lines, bytes and tokens.

    Args:
        requests: Columns sku, llm_model, line, prompt_tokens, body (JSON text, of the whole
            line), and any others, which are kept. The order is kept within a model; requests
            of one line follow one another and stay together.
        limits: ``preferred_lines`` is what a shard is filled to.
        models: With the prompt tokens that may be enqueued at once: a shard with more
            would never be taken.
        salt: Tells submissions apart that would send the same lines, such as the
            partition with the number of its submission.
        refusals: Model -> how often the API refused a batch of these requests because its
            queue was full; each halves the tokens of a shard, because its count may be
            another than ours.
        endpoint: What the lines ask.

    Raises:
        ValueError: One line alone is over the byte limit.
    """
    for (model,), group in requests.group_by("llm_model", maintain_order=True):
        tokens = token_limit(limits, models[str(model)])
        if tokens is not None:
            tokens //= 2 ** min((refusals or {}).get(str(model), 0), MOST_HALVINGS)
        for part in _within_limits(group, limits, tokens):
            yield _shard(part, salt, endpoint)


def token_limit(limits: BatchingConfig, model: ModelConfig) -> int | None:
    """Returns the prompt tokens of a model that may be enqueued, ``None`` for no limit."""
    if model.enqueued_tokens is None:
        return None
    return int(model.enqueued_tokens * limits.enqueued_share)


def _within_limits(
    group: pl.DataFrame, limits: BatchingConfig, token_limit: int | None
) -> Iterator[pl.DataFrame]:
    lines = group.group_by("line", maintain_order=True).agg(
        # The ids are not known before the cut; an id is at most 64 characters, the rest of a
        # line around the body at most 100.
        pl.col("body").first().str.len_bytes() + 164,
        pl.col("prompt_tokens").sum(),
        requests=pl.len(),
    )
    line_limit = min(limits.preferred_lines, limits.max_lines)
    start = end = count = used = tokens = 0
    for size, prompt, requests in lines.select("body", "prompt_tokens", "requests").iter_rows():
        if size > limits.max_bytes:
            raise ValueError(
                f"the request for sku {group['sku'][end]!r} has {size} bytes; a batch file "
                f"holds at most {limits.max_bytes} (batching.max_bytes)"
            )
        if count and (
            count == line_limit
            or used + size > limits.max_bytes
            or (token_limit is not None and tokens + prompt > token_limit)
        ):
            yield group[start:end]
            start, count, used, tokens = end, 0, 0, 0
        end += requests
        count += 1
        used += size
        tokens += prompt
    if start < end:
        yield group[start:]


def _shard(requests: pl.DataFrame, salt: str, endpoint: Endpoint) -> Shard:
    digest = hashlib.sha256(salt.encode())
    lines = requests.group_by("line", maintain_order=True).agg(
        pl.col("sku").str.join("\n"), pl.col("body").first()
    )
    # The SKU too: listings that differ in their brand field alone have the same prompt.
    for sku, body in lines.select("sku", "body").iter_rows():
        digest.update(f"{sku}\n{body}\n".encode())
    shard_hash = digest.hexdigest()[:16]
    named = custom_ids(requests, f"batch_{shard_hash[:NAMED_BY]}")
    ids = named.unique("line", keep="first", maintain_order=True)["custom_id"]
    content = batch_lines(ids.str.replace(rf"{PACKED}\d+$", ""), lines["body"], endpoint)
    return Shard(
        shard_hash=shard_hash,
        llm_model=str(requests["llm_model"][0]),
        requests=named,
        lines=lines.height,
        content=("\n".join(content) + "\n").encode(),
    )


def custom_ids(requests: pl.DataFrame, prefix: str) -> pl.DataFrame:
    """Adds ``custom_id``: ``<prefix>_<line>_<sku, slugged to 32 characters>``.

    Of several requests in one line it is ``<prefix>_<line>_pack~<number in it>``; the line's
    own id ends before the ``~``.
    """
    slug = pl.col("sku").str.replace_all(r"[^A-Za-z0-9]+", "-").str.strip_chars("-").str.head(32)
    number = pl.int_range(1, pl.len() + 1).over("line").cast(pl.String)
    last = pl.when(pl.len().over("line") > 1).then("pack" + PACKED + number).otherwise(slug)
    line = pl.col("line").rle_id().cast(pl.String)
    return requests.with_columns(custom_id=pl.concat_str(pl.lit(prefix), line, last, separator="_"))


def requests_by_line(custom_ids: Iterable[str]) -> dict[str, list[str]]:
    """Returns the id of each line of a batch -> the custom ids of its requests, by number.

    Args:
        custom_ids: Those of all requests of the batch, in any order.
    """
    lines: dict[str, list[str]] = {}
    for custom_id in custom_ids:
        lines.setdefault(custom_id.partition(PACKED)[0], []).append(custom_id)
    for packed in lines.values():
        packed.sort(key=lambda custom_id: int(custom_id.partition(PACKED)[2] or 0))
    return lines
