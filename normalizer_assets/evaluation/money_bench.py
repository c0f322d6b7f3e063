"""What the specification's 100,000 products cost, counted in tokens: asks and pays nothing.

Belongs here: its mix of tiers and cache hits over real listings, priced in several ways. Does
not belong here: prices (the model table), building and pricing requests (``batching``,
``pricing``), how long answers are (``answer_lengths``).

Prompts are rendered and tokenised, one by one; answers are as long as right answers are in
the mean. No model was asked: only ``measured`` figures rest on one, where there are any.
"""

import os
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from normalizer_assets.answers.confidence import confidences, load_calibrations, thresholds
from normalizer_assets.batching.requests import build_requests
from normalizer_assets.batching.scenarios import FIGURES, individually
from normalizer_assets.config import NormalizerConfig, Tier, load_config
from normalizer_assets.db.engine import DATABASE_VARIABLE, connect
from normalizer_assets.evaluation.calibration import judge_answers
from normalizer_assets.evaluation.figures import result
from normalizer_assets.evaluation.gold import listings_of, shipped_gold
from normalizer_assets.pricing.costs import Usage, cost_usd
from normalizer_assets.pricing.estimates import Reasoning, no_reasoning, requests_usd
from normalizer_assets.pricing.savings import savings_percent
from normalizer_assets.prompting.tokens import count_tokens
from normalizer_assets.publishing.report import measured_reasoning
from normalizer_assets.routing.routes import score_listings
from normalizer_assets.routing.routing import route_listings

FULL_SHARE = 0.15
LEGACY_SHARE = 0.05
HIT_RATE = 0.40
"""The specification's mix: 80 % mini, 15 % full, 5 % legacy; 40 % answered by the cache."""

TOGETHER = 10
"""Listings in one request, where they are packed."""

CHEAP_SUCCESSORS: Mapping[Tier, str] = {
    "mini": "gpt-6-luna",
    "full": "gpt-6.1-sol",
    "legacy": "gpt-6-luna",
}
NAMED_SUCCESSORS: Mapping[Tier, str] = {**CHEAP_SUCCESSORS, "mini": "gpt-6.1-terra"}
"""What OpenAI names in the place of gpt-5-mini, gpt-5 and gpt-4o-mini
(facts/openai_batch.md, section 0)."""

SEED = 20_241_001


def money(listings: pl.DataFrame) -> dict[str, Any]:
    """Prices listings at the specification's mix.

    Args:
        listings: As ``bench_listings`` returns them; each counts as a product of its own.

    Returns:
        In USD, without reasoning tokens: ``usd_exact`` (the specification's prompts and the
        configured models), ``usd_packed``, ``usd_successor`` (gpt-6-luna in the place of
        mini), ``usd_named_successors``, ``usd_repeat_day`` (the same listings again, the audits
        included); ``usd_by_reasoning``: each with every figure of reasoning tokens;
        ``usd_by_step`` of ``usd_exact``; ``usd_individual`` at full and at legacy;
        ``usd_cascade``, which comes on top; ``usd_failed_tries``, too: what the products of
        legacy cost before; ``assumptions``.
    """
    started = time.perf_counter()
    config = load_config()
    routed = as_specified(route_listings(listings, config))
    asked = routed.filter(~routed["hit"])
    figures = {**FIGURES, **_measured(config)}
    ways = {
        "exact": _steps(_with_packs(config, 1), asked, figures),
        "packed": _steps(_with_packs(config, TOGETHER), asked, figures),
        "successor": _steps(_with_models(config, CHEAP_SUCCESSORS), asked, figures),
        "named_successors": _steps(_with_models(config, NAMED_SUCCESSORS), asked, figures),
        "repeat_day": _steps(
            config, routed.sample(round(routed.height * config.cache.audit_share), seed=SEED),
            figures,
        ),
    }  # fmt: skip
    totals = {
        way: {name: sum(steps.values(), Decimal(0)) for name, steps in by.items()}
        for way, by in ways.items()
    }
    alone = individually(config, routed)
    doubtful = doubtful_share(config)
    exact = ways["exact"]["zero"]
    return result(
        "money",
        routed.height,
        time.perf_counter() - started,
        **{f"usd_{way}": _rounded(by["zero"]) for way, by in totals.items()},
        usd_by_reasoning={
            way: {name: _rounded(usd) for name, usd in by.items()} for way, by in totals.items()
        },
        usd_by_step={name: _rounded(usd) for name, usd in exact.items()},
        usd_cascade=_rounded(_cascade(config, asked, doubtful)),
        usd_failed_tries=_rounded(_failed_tries(config, asked)),
        usd_individual={"full": _rounded(alone.full), "legacy": _rounded(alone.legacy)},
        savings_percent={
            "full": round(savings_percent(totals["exact"]["expected"], alone.full), 2),
            "legacy": round(savings_percent(totals["exact"]["expected"], alone.legacy), 2),
        },
        assumptions={
            "asked": asked.height,
            "hit_rate": HIT_RATE,
            "tiers": {row["tier"]: row["len"] for row in _counted(asked, "tier")},
            "bands": {row["band"]: row["len"] for row in _counted(asked, "band")},
            "models": {tier: settings.model for tier, settings in config.tiers.items()},
            "listings_per_packed_request": TOGETHER,
            "audit_share": config.cache.audit_share,
            "doubtful_share": round(doubtful, 4),
            "legacy": "single calls at full price",
            "answers": "mean lengths of right answers, written by hand",
            "prompt_cache": "no hits",
        },
    )


def as_specified(routed: pl.DataFrame) -> pl.DataFrame:
    """Gives routed listings the specification's shares of tiers and cache hits.

    The highest scores go to full; which products end at legacy and which the cache knows is
    drawn at random, the same way every time.

    Returns:
        ``routed`` with tier and band changed, and ``hit`` Boolean.
    """
    drawn = pl.int_range(pl.len()).shuffle(seed=SEED)
    known = pl.int_range(pl.len()).shuffle(seed=SEED + 1)
    others = pl.when(~pl.col("legacy")).then("score")
    place = others.rank("ordinal", descending=True)
    return (
        routed.with_columns(
            legacy=drawn < (pl.len() * LEGACY_SHARE).round(),
            hit=known < (pl.len() * HIT_RATE).round(),
        )
        .with_columns(full=(place <= (pl.len() * FULL_SHARE).round()).fill_null(value=False))
        .with_columns(
            tier=pl.when("legacy")
            .then(pl.lit("legacy"))
            .when("full")
            .then(pl.lit("full"))
            .otherwise(pl.lit("mini")),
            # What is complex by its score, but not among the highest, is mini's.
            band=pl.when("full")
            .then(pl.lit("complex"))
            .otherwise(pl.col("band").replace("complex", "medium")),
        )
        .drop("legacy", "full")
    )


def doubtful_share(config: NormalizerConfig) -> float:
    """Returns the share of right answers of mini that the computed confidence does not accept.

    Of the shipped labels' held-back half, whose answers are hand-written. Wrong answers come on
    top; how many of them a model gives nobody has measured here.
    """
    gold = shipped_gold("test")
    tiers = score_listings(listings_of(gold, config), config.router)["tier"]
    right = [
        one.model_copy(update={"answers": [a for a in one.answers if a.kind == "right"]})
        for one, tier in zip(gold, tiers, strict=True)
        if tier == "mini"
    ]
    judged = judge_answers(right, config)
    model = pl.lit(config.tiers["mini"].model)
    rows = judged.rows.with_columns(llm_model=model)
    calibrations = load_calibrations(config.calibrations)
    needed = thresholds(model, pl.col("category_group"), calibrations, config.confidence)
    sure = confidences(judged.features, rows["llm_model"], calibrations)
    unsure = sure < rows.select(needed).to_series()
    return int(unsure.sum()) / len(unsure)


def _steps(
    config: NormalizerConfig, asked: pl.DataFrame, figures: Mapping[str, Reasoning]
) -> dict[str, dict[str, Decimal]]:
    """Prices listings: mini and full in batches, legacy in single calls, and their vectors.

    Returns:
        Figure of reasoning tokens -> step -> USD.
    """
    at_legacy = pl.col("tier") == "legacy"
    in_batches = build_requests(config, asked.filter(~at_legacy), "batch")
    requests = {
        "mini": (in_batches.filter(pl.col("tier") == "mini"), True),
        "full": (in_batches.filter(pl.col("tier") == "full"), True),
        "legacy": (build_requests(config, asked.filter(at_legacy), "legacy"), False),
    }
    vectors = cost_usd(
        Usage(input_tokens=int(count_tokens(asked["name"]).sum())),
        config.models[config.embedding.model],
        batch=False,
    )
    return {
        name: {
            **{
                step: requests_usd(frame, config.models, batch=batch, reasoning=reasoning)
                for step, (frame, batch) in requests.items()
            },
            "embeddings": vectors,
        }
        for name, reasoning in figures.items()
    }


def _cascade(config: NormalizerConfig, asked: pl.DataFrame, share: float) -> Decimal:
    """Prices asking a share of mini's answers once more, at full, without reasoning tokens."""
    of_mini = asked.filter(pl.col("tier") == "mini").with_columns(
        tier=pl.lit("full"), band=pl.lit("complex")
    )
    again = build_requests(config, of_mini, "batch")
    whole = requests_usd(again, config.models, batch=True, reasoning=no_reasoning)
    return whole * Decimal(str(share))


def _failed_tries(config: NormalizerConfig, asked: pl.DataFrame) -> Decimal:
    """Prices what products that end at legacy cost before: a batch line and a single call."""
    failed = asked.filter(pl.col("tier") == "legacy").with_columns(tier=pl.lit("mini"))
    return sum(
        (
            requests_usd(
                build_requests(config, failed, step),
                config.models,
                batch=step == "batch",
                reasoning=no_reasoning,
            )
            for step in ("batch", "individual")
        ),
        Decimal(0),
    )


def _measured(config: NormalizerConfig) -> dict[str, Reasoning]:
    """Returns the figure of what usage showed, where a database is there and has some."""
    # A benchmark makes no database.
    if not (os.environ.get(DATABASE_VARIABLE) or Path(config.paths.data, "postgres").exists()):
        return {}
    engine = connect(config)
    tokens = measured_reasoning(engine, config.models)
    engine.dispose()
    if not tokens:
        return {}
    return {"measured": lambda name, model: tokens.get(name, model.reasoning_estimate)}


def _with_packs(config: NormalizerConfig, together: int) -> NormalizerConfig:
    tiers = {
        tier: settings.model_copy(update={"listings_per_request": together})
        for tier, settings in config.tiers.items()
    }
    return config.model_copy(update={"tiers": tiers})


def _with_models(config: NormalizerConfig, models: Mapping[Tier, str]) -> NormalizerConfig:
    tiers = {
        tier: settings.model_copy(update={"model": models[tier], "listings_per_request": 1})
        for tier, settings in config.tiers.items()
    }
    return config.model_copy(update={"tiers": tiers})


def _counted(asked: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    return asked.group_by(column).len().sort(column).to_dicts()


def _rounded(usd: Decimal) -> float:
    return round(float(usd), 4)
