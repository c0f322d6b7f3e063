"""From routed listings to requests: template, model, body, estimate.

Belongs here: choosing template and model for a step of the chain, which listings share a line
of a batch, and putting the pieces of ``prompting`` and ``pricing`` together. Does not belong
here: cutting shards, sending.
"""

from collections.abc import Iterator
from decimal import Decimal

import polars as pl

from normalizer_assets.config import Band, NormalizerConfig, PackName, TemplateName, Tier
from normalizer_assets.db.tables import Step
from normalizer_assets.pricing.costs import exact
from normalizer_assets.pricing.estimates import STRICT_ANSWER_TOKENS, TYPICAL_ANSWER_TOKENS
from normalizer_assets.prompting.bodies import request_bodies
from normalizer_assets.prompting.examples import TYPICAL_TOKENS
from normalizer_assets.prompting.reply_schemas import reply_schema, schema_text, schema_version
from normalizer_assets.prompting.templates import (
    packed_template_for,
    prompt_version,
    render,
    render_packed,
    template_for,
)
from normalizer_assets.prompting.tokens import count_prompt_tokens, count_tokens

USD = pl.Decimal(18, 9)
REQUEST_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "question_key": pl.String,
    "sku": pl.String,
    "tier": pl.String,
    "llm_model": pl.String,
    "prompt_version": pl.String,
    "line": pl.UInt32,
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

        Rows with the same ``line`` follow one another and travel together: ``body`` is that of
        the line, tokens and money are each row's share of it. A line has several rows only in
        a batch, where the tier has more than one listing a request; those of a tier are packed
        whatever their band and shop, which packed prompts do not name.
    """
    if "retailer_name" not in listings.columns:
        names = {slug: retailer.name for slug, retailer in config.retailers.items()}
        listings = listings.with_columns(retailer_name=pl.col("retailer").replace_strict(names))
    if step == "legacy":
        listings = listings.with_columns(tier=pl.lit("legacy"))
    alone, parts = [listings.clear()], []
    for group in listings.partition_by("tier", maintain_order=True):
        tier: Tier = group["tier"][0]
        most = config.tiers[tier].listings_per_request if step == "batch" else 1
        for part, together in _even_parts(group, most):
            if together == 1:
                alone.append(part)
            else:
                parts.append(_packed_requests(config, part, together))
    apart = ("retailer_name", "tier", "band")
    for _, group in pl.concat(alone).group_by(*apart, maintain_order=True):
        parts.append(_requests(config, group, step))
    requests, lines = [pl.DataFrame(schema=REQUEST_SCHEMA)], 0
    for part in parts:
        requests.append(part.with_columns(pl.col("line") + lines))
        lines += part["line"].n_unique()
    return pl.concat(requests)


def _even_parts(listings: pl.DataFrame, most: int) -> Iterator[tuple[pl.DataFrame, int]]:
    """Cuts listings into as few lines as possible, of sizes as even as possible.

    Yields:
        At most twice: listings, and how many of them share each line.
    """
    lines = -(-listings.height // most)
    size, larger = divmod(listings.height, lines)
    for part, together in (
        (listings[: larger * (size + 1)], size + 1),
        (listings[larger * (size + 1) :], size),
    ):
        if part.height:
            yield part, together


def _packed_requests(
    config: NormalizerConfig, listings: pl.DataFrame, together: int
) -> pl.DataFrame:
    """Builds the requests of listings of one tier, ``together`` of them in each line."""
    template = packed_template_for(listings["tier"][0])
    prompts = render_packed(template, listings, together)
    return _priced(config, listings, template, "batch", prompts, together=together)


def _requests(config: NormalizerConfig, listings: pl.DataFrame, step: Step) -> pl.DataFrame:
    """Builds the requests of listings of one shop, tier and band, each in a line of its own."""
    tier: Tier = listings["tier"][0]
    band: Band = listings["band"][0]
    template = template_for(tier, band, individually=step != "batch")
    prompts = render(template, listings, listings["retailer_name"][0])
    if not config.cache.examples or template != "DETAILED":
        return _priced(config, listings, template, step, prompts)
    if "examples" not in listings.columns:
        expected = config.cache.examples * TYPICAL_TOKENS
        return _priced(config, listings, template, step, prompts, expected=expected)
    requests = _priced(
        config, listings, template, step, prompts + listings["examples"].fill_null("")
    )
    version = pl.col("prompt_version")
    return requests.with_columns(
        pl.when(listings["examples"].is_not_null()).then(version + "+examples").otherwise(version)
    )


def _priced(
    config: NormalizerConfig,
    listings: pl.DataFrame,
    template: TemplateName | PackName,
    step: Step,
    prompts: pl.Series,
    *,
    together: int = 1,
    expected: int = 0,
) -> pl.DataFrame:
    """Puts a body around each prompt, and a price on each listing's share of it.

    Args:
        config: Tiers and models.
        listings: Of one tier.
        template: What the prompts were made of.
        step: As in ``build_requests``.
        prompts: One for every ``together`` listings.
        together: Listings in each line.
        expected: Prompt tokens that each prompt is going to get on top.
    """
    tier: Tier = listings["tier"][0]
    settings, model = config.tiers[tier], config.model_of(tier)
    version, schema, schema_tokens = prompt_version(template), None, 0
    if settings.response_format == "json_schema":
        schema = reply_schema(template)
        version += f"+{schema_version(schema)}"
        schema_tokens = int(count_tokens([schema_text(schema)])[0])
    bodies = request_bodies(
        settings.model,
        model,
        settings,
        prompts,
        flex=model.flex and step != "batch",
        listings=together,
        schema=schema,
    )
    # Individual calls are estimated at the full price: flex is not always to be had.
    factor = exact(model.batch_factor) if step == "batch" else Decimal(1)
    input_usd = float(exact(model.input_usd) * factor) / 1e6
    output_usd = float(exact(model.output_usd) * factor) / 1e6
    line = pl.int_range(pl.len(), dtype=pl.UInt32) // together

    def share(of_line: pl.Expr) -> pl.Expr:
        """Shares tokens out evenly, the first listings of a line having one more."""
        place = pl.int_range(pl.len()) % together
        return of_line // together + (place < of_line % together)

    # What a person is told an answer costs is what the budget reserves for it.
    typical = TYPICAL_ANSWER_TOKENS if schema is None else STRICT_ANSWER_TOKENS
    answer_tokens = typical[template] + share(pl.lit(model.reasoning_estimate))
    most_tokens = settings.answer_tokens + share(pl.lit(model.reasoning_allowance))
    tokens = count_prompt_tokens(prompts, settings.system) + schema_tokens + expected
    prompt_tokens = share(pl.lit(tokens).gather(line)).cast(pl.UInt32)
    return listings.select(
        "question_key",
        "sku",
        "tier",
        llm_model=pl.lit(settings.model),
        prompt_version=pl.lit(version),
        line=line,
        prompt_tokens=prompt_tokens,
        answer_tokens=answer_tokens.cast(pl.Int32),
        estimated_usd=(prompt_tokens * input_usd + answer_tokens * output_usd).cast(USD),
        bound_usd=(prompt_tokens * input_usd + most_tokens * output_usd).cast(USD),
        body=pl.lit(bodies).gather(line),
    )
