"""`normalizer cache`: fill the cache, look into it, take entries out.

Belongs here: options, tables, lines. Does not belong here: what is done (``cache``).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from normalizer_assets.cli.options import json_option, read_day
from normalizer_assets.config import CATEGORY_GROUPS, load_config

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl
    import sqlalchemy as sa
    from openai import OpenAI

    from normalizer_assets.config import NormalizerConfig

existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)
out_file = click.Path(dir_okay=False, path_type=Path)


@click.group("cache")
def command() -> None:
    """Fill the semantic cache, look into it, take entries out."""


@command.command("warm")
@click.option("--products", type=existing_file, help="Known products, NDJSON; else from history.")
@click.option("--wait", is_flag=True, help="Wait for batches of texts.")
@json_option
def warm(products: Path | None, wait: bool, as_json: bool) -> None:
    """Enter answers before they are asked for.

    Without --products: the accepted answers of all published partitions that have no entry
    yet. With it: a line of the file is {"name", "category"?, "brand"?, "gold": {"brand",
    "model", "attributes"}}, as for `eval rules`; such answers count as a person's, a changed
    line replaces what an earlier file said, and a line that cannot is told. Texts go to the API
    in calls of up to 2,048, or from `embedding.batch_min_texts` on in batches, and each is paid
    for once; type the command again when the batches have ended, or add --wait.
    """
    from normalizer_assets.cache import warming
    from normalizer_assets.cache.entries import Embedded

    changed = 0
    with _opened() as (config, engine, connect_api):
        known = None if products is None else _known(products, config)
        texts = warming.texts_of_history(engine) if known is None else known.texts
        awaited = warming.through_batches(config, engine, connect_api, texts, wait=wait)
        if awaited:
            embedded = Embedded(left=awaited)
        elif known is None:
            embedded = warming.warm_from_history(
                config,
                engine,
                connect_api,
                lambda partition, one: click.echo(
                    f"{partition.key}: {one.entries} new entries", err=True
                ),
            )
        else:
            with warming.own_work(config, engine, connect_api) as work:
                entered = warming.warm_from_known(work, known)
            embedded, changed = entered.embedded, entered.changed
            for place, reason in entered.left_out.items():
                click.echo(f"{products}, product {place + 1}: left out: {reason}", err=True)
    result = {
        "entries": embedded.entries,
        "tokens": embedded.tokens,
        "cost_usd": float(embedded.cost_usd),
        "left": embedded.left,
        "changed": changed,
    }
    if as_json:
        click.echo(json.dumps(result))
        return
    click.echo(
        f"{embedded.entries} new entries, {embedded.tokens} tokens embedded for "
        f"{embedded.cost_usd:.6f} USD"
    )
    if changed:
        click.echo(f"{changed} known products have another answer than before")
    if awaited:
        click.echo(
            f"{awaited} texts are in batches (`normalizer batches list`); nothing is entered "
            f"before they have ended"
        )
    elif embedded.left:
        click.echo(f"{embedded.left} are left for the next time", err=True)


@command.command("stats")
@json_option
def stats(as_json: bool) -> None:
    """Show what the cache holds, what it served, and how its audits ended."""
    from normalizer_assets.cache import report

    with _database() as (config, engine), engine.connect() as connection:
        found = report.statistics(connection, config)
    if as_json:
        click.echo(json.dumps(found))
        return
    for line in _in_lines(found):
        click.echo(line)


def _in_lines(found: dict[str, Any]) -> Iterator[str]:
    entries, audits = found["entries"], found["audits"]
    weight = f", {found['bytes_per_entry']} bytes each" if entries["total"] else ""
    yield f"{entries['total']} entries of {found['dimensions']} dimensions{weight}"
    for group, count in entries["by_group"].items():
        yield f"  {group:<18} {count:>8}"
    yield "answered by " + (
        ", ".join(f"{model} {count}" for model, count in entries["by_llm_model"].items())
        or "nobody"
    )
    yield "published rows by tier: " + (
        ", ".join(f"{tier} {count}" for tier, count in found["rows"].items()) or "none"
    )
    yield "hits: " + (", ".join(f"{state} {n}" for state, n in found["hits"].items()) or "none")
    if audits["settled"]:
        yield f"audits: {audits['disagreed']} of {audits['settled']} disagreed"
    for group in found["closed_groups"]:
        yield f"{group} has no semantic hits: too many of them were wrong"
    for group, words in found["telling_words"].items():
        if words:
            yield f"{group}: audits found that these tell products apart: {', '.join(words)}"


@command.command("lookup")
@click.argument("name")
@click.option("--category", help="Raw category, as the shop writes it.")
@click.option("--brand", help="The listing's own brand field.")
@click.option("--ean", help="The listing's EAN.")
@json_option
def lookup(
    name: str, category: str | None, brand: str | None, ean: str | None, as_json: bool
) -> None:
    """Say what the cache does with a listing called NAME, and which word decides."""
    from normalizer_assets.cache import report, warming

    with _opened() as (config, engine, connect_api):
        listing = _listing(config, name=name, category=category, brand=brand, ean=ean)
        with warming.own_work(config, engine, connect_api) as work:
            found = report.explain(work, listing)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    click.echo(f"{found['canonical_key']}\nquestion {found['question_key'][:12]}")
    served = {"exact": "answered already", "semantic": "answered by likeness", None: "a miss"}
    click.echo(f"{served[found['tier']]}: {_answer(found['answer'])}")
    for one in found["neighbours"]:
        key = one["question_key"][:12]
        verdict = "hit" if one["hit"] else one["reason"]
        forgiven = f" (forgiven: {', '.join(one['forgiven'])})" if one["forgiven"] else ""
        click.echo(f"  {one['similarity']:.3f}  {key}  {one['name']}: {verdict}{forgiven}")
    if not found["neighbours"]:
        click.echo("  no entry is near")


def _answer(answer: dict[str, Any] | None) -> str:
    if answer is None:
        return "a model would be asked"
    attributes = ", ".join(f"{key} {value}" for key, value in answer["attributes"].items())
    return " · ".join(part for part in (answer["brand"], answer["model"], attributes) if part)


@command.command("forget")
@click.option("--group", type=click.Choice(CATEGORY_GROUPS), help="Entries of a category group.")
@click.option("--retailer", help="Entries that were bought for this retailer.")
@click.option("--llm-model", help="Entries that this model answered.")
@click.option("--before", metavar="YYYY-MM-DD", help="Entries of listings of earlier days.")
@click.option("--entry", "question_key", help="The entry of this question; its key's beginning.")
@click.option("--older-contracts", is_flag=True, help="Entries of earlier answer contracts.")
@json_option
def forget(
    group: str | None,
    retailer: str | None,
    llm_model: str | None,
    before: str | None,
    question_key: str | None,
    older_contracts: bool,
    as_json: bool,
) -> None:
    """Take entries out that meet all options, and withdraw what they answered by likeness.

    Withdrawn questions are asked when they next come; published rows stay until then. A known
    product loses its answer as well. What was bought, or decided in the review, still answers
    its own question.
    """
    from normalizer_assets.cache import entries

    try:
        condition = entries.condition_of(
            group=group,
            retailer=retailer,
            llm_model=llm_model,
            before=read_day(before, "--before") if before else None,
            question_key=question_key,
            older_contracts=older_contracts,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    with _database() as (_, engine), engine.begin() as connection:
        gone = entries.forget(connection, condition, known_too=True)
    if as_json:
        click.echo(json.dumps({"entries": gone.entries, "questions": gone.questions}))
    else:
        click.echo(
            f"{gone.entries} entries were taken out; {gone.questions} questions that they answered "
            f"by likeness are asked when they next come"
        )


@command.command("learn")
@click.option("--pairs", type=existing_file, required=True, help="Labelled pairs, CSV.")
@click.option("--least", type=click.IntRange(min=1), help="So many same pairs prove a word.")
@click.option("--out", type=out_file, help="Where to; else the file that cache.lexicon names.")
@json_option
def learn(pairs: Path, least: int | None, out: Path | None, as_json: bool) -> None:
    """Learn from labelled pairs which words never tell products apart.

    The file is one of `eval cache`. What was learned before stays; a word that a pair of
    different products refutes is not learned.
    """
    from normalizer_assets.cache.learning import LEAST_PAIRS, learn_words
    from normalizer_assets.cache.lexicon import lexicon, read_lexicon
    from normalizer_assets.evaluation import cache as scorer

    config = load_config()
    try:
        labelled = scorer.with_groups(scorer.read_pairs(pairs), config)
    except scorer.PairsError as error:
        raise click.ClickException(str(error)) from None
    learned = learn_words(labelled, lexicon(config), least or LEAST_PAIRS)
    target = out or config.lexicon
    known = read_lexicon(target)
    merged = {
        group: sorted({*known.get(group, []), *learned.get(group, [])})
        for group in sorted({*known, *learned})
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(merged, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if as_json:
        click.echo(json.dumps(learned, ensure_ascii=False))
        return
    for group, words in learned.items():
        click.echo(f"{group}: {', '.join(words)}")
    click.echo(f"{sum(map(len, learned.values()))} words learned; written to {target}")


@command.command("resize")
@click.option("--yes", is_flag=True, help="Drop entries where longer vectors are wanted.")
def resize(yes: bool) -> None:
    """Give the cache's vectors the length of `embedding.dimensions`.

    Shorter vectors are cut from what is there. Longer ones cannot be: with --yes the cache is
    emptied, `normalizer cache warm` embeds accepted answers anew, and known products are
    entered anew from their file. What is answered stays answered.
    """
    from normalizer_assets.cache import report, vectors

    with _database() as (config, engine), engine.begin() as connection:
        stored = vectors.stored_dimensions(connection)
        entries = report.statistics(connection, config)["entries"]["total"]
        if config.embedding.dimensions > stored and entries and not yes:
            raise click.ClickException(
                f"{entries} entries of {stored} dimensions cannot become longer and would be "
                f"dropped; add --yes, and fill the cache again with `normalizer cache warm`"
            )
        left = vectors.resize(connection, config.embedding.dimensions)
    click.echo(f"{left} entries of {config.embedding.dimensions} dimensions")


@contextmanager
def _database() -> "Iterator[tuple[NormalizerConfig, sa.Engine]]":
    from normalizer_assets.db.engine import connect

    config = load_config()
    engine = connect(config)
    try:
        yield config, engine
    finally:
        engine.dispose()


@contextmanager
def _opened() -> "Iterator[tuple[NormalizerConfig, sa.Engine, Callable[[], OpenAI]]]":
    """Connects to database and API, and words what stops."""
    import openai

    from normalizer_assets.batching.errors import BlockedError
    from normalizer_assets.resources.openai_client import clients

    with _database() as (config, engine), clients(engine) as connect_api:
        try:
            yield config, engine, connect_api
        except BlockedError as error:
            raise click.ClickException(error.reason) from None
        except (openai.OpenAIError, TimeoutError) as error:
            raise click.ClickException(str(error)) from None


def _known(path: Path, config: "NormalizerConfig") -> Any:
    import polars as pl

    from normalizer_assets.cache.warming import Known
    from normalizer_assets.evaluation.gold import GoldError, listings_of, read_gold

    try:
        products = read_gold(path)
    except GoldError as error:
        raise click.ClickException(str(error)) from None
    listings = listings_of(products, config).with_columns(ean=pl.lit(None, dtype=pl.String))
    for number, product in enumerate(products, 1):
        if not any(sign.isalnum() for sign in listings["name"][number - 1] or ""):
            raise click.ClickException(f"{path}, product {number}: its name says nothing")
        if "\x00" in product.model_dump_json() or "\\u0000" in product.model_dump_json():
            raise click.ClickException(f"{path}, product {number}: it holds a NUL sign")
    return Known(listings, [product.gold.model_dump() for product in products])


def _listing(config: "NormalizerConfig", **given: str | None) -> "pl.DataFrame":
    """Returns one listing, cleaned as the intake does.

    Raises:
        click.BadParameter: There is no name in it.
    """
    import polars as pl

    from normalizer_assets.intake.categories import category_group
    from normalizer_assets.intake.text import clean_text

    listing = pl.DataFrame([given], schema=dict.fromkeys(given, pl.String)).with_columns(
        clean_text(pl.all()), price=pl.lit(None, dtype=pl.Int64)
    )
    if not listing["name"][0]:
        raise click.BadParameter("a listing needs a name", param_hint="NAME")
    return listing.with_columns(
        category_group=category_group(
            pl.col("category"), pl.col("name"), config.intake.category_groups
        )
    )
