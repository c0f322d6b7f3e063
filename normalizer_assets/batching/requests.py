"""From routed listings to requests: template, model, body, estimate.

Belongs here: choosing template and model for a step of the chain and putting the pieces of
``prompting`` and ``pricing`` together. Does not belong here: cutting shards, sending.
"""

from decimal import Decimal

import polars as pl

from normalizer_assets.config import Band, NormalizerConfig, Tier
from normalizer_assets.db.tables import Step
from normalizer_assets.pricing.costs import exact
from normalizer_assets.pricing.estimates import TYPICAL_ANSWER_TOKENS
from normalizer_assets.pricing.savings import Scenario, compare
from normalizer_assets.prompting.bodies import request_bodies
from normalizer_assets.prompting.examples import TYPICAL_TOKENS
from normalizer_assets.prompting.templates import prompt_version, render, template_for
from normalizer_assets.prompting.tokens import count_prompt_tokens

USD = pl.Decimal(18, 9)
REQUEST_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "question_key": pl.String,
    "sku": pl.String,
    "tier": pl.String,
    "llm_model": pl.String,
    "prompt_version": pl.String,
    "prompt_tokens": pl.UInt32,
    "answer_tokens": pl.Int32,
    "estimated_usd": USD,
    "bound_usd": USD,
    "body": pl.String,
}


def build_requests(config: NormalizerConfig, listings: pl.DataFrame, step: Step) -> pl.DataFrame:
    """Builds one request for each listing.

    Args:
        config: Tiers, models, retailers' display names.
        listings: Columns question_key, retailer, sku, name, category, price, tier, band;
            where a partition holds several shops also retailer_name, the display name of
            each listing's own or null, else that of the partition's retailer is taken.
            Where ``cache.examples`` asks for some, examples, the text of the listing's own
            or null; without that column, as in an estimate, each costs what is typical.
        step: ``batch`` and ``individual`` ask the listing's tier, ``legacy`` the legacy
            tier.

    Returns:
        Columns of ``REQUEST_SCHEMA``. ``estimated_usd`` takes the template's typical answer
        and the model's ``reasoning_estimate``, ``bound_usd`` everything that the output
        limit allows.
    """
    if "retailer_name" not in listings.columns:
        names = {slug: retailer.name for slug, retailer in config.retailers.items()}
        listings = listings.with_columns(retailer_name=pl.col("retailer").replace_strict(names))
    parts = [
        _requests(config, group, step)
        for _, group in listings.with_columns(
            tier=pl.lit("legacy") if step == "legacy" else pl.col("tier")
        ).group_by("retailer_name", "tier", "band", maintain_order=True)
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=REQUEST_SCHEMA)


def cost_scenarios(config: NormalizerConfig, routed: pl.DataFrame) -> tuple[Scenario, ...]:
    """Prices a routed partition in the specification's four ways of asking.

    Args:
        config: Tiers, models, retailers.
        routed: The routed_products frame.

    Returns:
        Individual at full, batch, batch + routing, batch + routing + cache.
    """
    order = pl.col("sku")
    at_full = build_requests(config, routed.with_columns(tier=pl.lit("full")), "individual")
    as_routed = build_requests(config, routed, "batch")
    listings = pl.concat(
        [
            as_routed.sort(order).select("tier", "prompt_tokens", "answer_tokens"),
            at_full.sort(order).select(
                full_prompt_tokens="prompt_tokens", full_answer_tokens="answer_tokens"
            ),
            routed.sort(order).select(cached=pl.col("route") == "cache"),
        ],
        how="horizontal",
    )
    models = {tier: config.model_of(tier) for tier in config.tiers}
    return compare(listings, models, reasoning_share=0.0)


def _requests(config: NormalizerConfig, listings: pl.DataFrame, step: Step) -> pl.DataFrame:
    """Builds the requests of listings of one shop, tier and band."""
    tier: Tier = listings["tier"][0]
    band: Band = listings["band"][0]
    settings, model = config.tiers[tier], config.model_of(tier)
    template = template_for(tier, band, individually=step != "batch")
    prompts = render(template, listings, listings["retailer_name"][0])
    version = pl.lit(prompt_version(template))
    expected = 0
    if config.cache.examples and template == "DETAILED":
        if "examples" in listings.columns:
            prompts = prompts + listings["examples"].fill_null("")
            with_some = pl.col("examples").is_not_null()
            version = pl.when(with_some).then(version + "+examples").otherwise(version)
        else:
            expected = config.cache.examples * TYPICAL_TOKENS
    # Individual calls are estimated at the full price: flex is not always to be had.
    factor = exact(model.batch_factor) if step == "batch" else Decimal(1)
    per_token = {
        "input": float(exact(model.input_usd) * factor) / 1e6,
        "output": float(exact(model.output_usd) * factor) / 1e6,
    }
    # What a person is told an answer costs is what the budget reserves for it.
    answer_tokens = TYPICAL_ANSWER_TOKENS[template] + model.reasoning_estimate
    tokens = count_prompt_tokens(prompts, settings.system) + expected

    def usd(output_tokens: int) -> pl.Series:
        cost = tokens * per_token["input"] + output_tokens * per_token["output"]
        return cost.cast(USD)

    return listings.select(
        "question_key",
        "sku",
        "tier",
        pl.lit(settings.model).alias("llm_model"),
        version.alias("prompt_version"),
        tokens,
        pl.lit(answer_tokens, dtype=pl.Int32).alias("answer_tokens"),
        usd(answer_tokens).alias("estimated_usd"),
        usd(settings.answer_tokens + model.reasoning_allowance).alias("bound_usd"),
        request_bodies(
            settings.model, model, settings, prompts, flex=model.flex and step != "batch"
        ).alias("body"),
    )
