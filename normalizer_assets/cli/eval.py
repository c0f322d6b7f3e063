"""`normalizer eval`: how good rules, confidence, cache and matching are on labelled data."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from normalizer_assets.cli.options import json_option
from normalizer_assets.config import load_config

if TYPE_CHECKING:
    import polars as pl

MADE_PAIRS = 160
"""Of each kind, where so many can be made of the shipped listings."""

existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)
out_file = click.Path(dir_okay=False, path_type=Path)


@click.group("eval")
def command() -> None:
    """Score rules, confidence, cache and price comparison on labels. Asks nothing, pays nothing."""


@command.command("rules")
@click.option(
    "--gold", type=existing_file, help="Labelled listings, NDJSON; else those shipped, held back."
)
@click.option("--out", type=out_file, help="Write the rules' answers, one JSON object a line.")
@json_option
def rules(gold: Path | None, out: Path | None, as_json: bool) -> None:
    """Score the basic rules by field: prints JSON and, without --json, a table on stderr.

    A line of the gold file: {"name", "category", "price", "retailer", "sku", "brand"?,
    "gold": {"brand", "model", "attributes": {}}}.
    """
    from normalizer_assets.evaluation.gold import GoldError, read_gold, shipped_gold
    from normalizer_assets.evaluation.rules import answer_rules, evaluate_rules

    try:
        labelled = read_gold(gold) if gold else shipped_gold("test")
    except GoldError as error:
        raise click.ClickException(str(error)) from None
    answers = answer_rules(labelled, load_config())
    if out is not None:
        lines = (
            json.dumps({"row": row, "answer": answer}, ensure_ascii=False)
            for row, answer in enumerate(answers)
        )
        out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    result = evaluate_rules(labelled, answers)
    click.echo(json.dumps(result))
    if not as_json:
        click.echo(_table(result), err=True)


@command.command("confidence")
@click.option("--gold", type=existing_file, help="Labelled answers, NDJSON; else those shipped.")
@click.option("--calibration", type=existing_file, help="A calibration; else the shipped one.")
@click.option("--plot", type=out_file, help="Write risk over coverage, and reliability, as PNG.")
@click.option("--out", type=out_file, help="Write each answer's confidence, NDJSON.")
@json_option
def confidence(
    gold: Path | None, calibration: Path | None, plot: Path | None, out: Path | None, as_json: bool
) -> None:
    """Score the confidence on labelled answers: ECE, Brier, AUROC, coverage.

    Without --gold on the half of the shipped answers that the shipped calibration has not
    seen. A line of the gold file is one of `eval rules` with "answers": [{"answer": {...},
    "wrong_fields"?: [...]}].
    """
    from normalizer_assets.answers.confidence import SHIPPED, read_calibration
    from normalizer_assets.evaluation import calibration as curves
    from normalizer_assets.evaluation.gold import GoldError, read_gold, shipped_gold

    try:
        labelled = read_gold(gold) if gold else shipped_gold("test")
        judged = curves.judge_answers(labelled, load_config())
    except GoldError as error:
        raise click.ClickException(str(error)) from None
    curve = read_calibration(calibration or SHIPPED)
    report = curves.evaluate(judged, curve)
    if out is not None:
        out.write_text(curves.confidence_lines(judged, curve), encoding="utf-8")
    if plot is not None and plot.suffix.lower() != ".png":
        raise click.UsageError(f"--plot writes PNG; {plot} should end with .png")
    if plot is not None:
        curves.draw(judged, curve, plot)
    click.echo(json.dumps(report, ensure_ascii=False))
    if not as_json:
        click.echo(curves.in_words(report), err=True)


@command.command("cache")
@click.option("--pairs", type=existing_file, help="Labelled pairs, CSV; else those shipped.")
@click.option(
    "--worst-case",
    is_flag=True,
    help="Take every pair for nearest neighbours with similarity 1: only the guard decides.",
)
@click.option("--out", type=out_file, help="Write each pair's verdict, NDJSON.")
@json_option
def cache(pairs: Path | None, worst_case: bool, out: Path | None, as_json: bool) -> None:
    """Score how often the cache confuses products, on labelled pairs.

    The first listing of a pair is in the cache with an accepted answer, and the second one
    is looked up. Their texts are embedded (each once; by the API that OPENAI_API_KEY is for,
    else by the stand-in) and compared in a Postgres of their own: yours is not touched.

    The file has the columns name_a, category_a, name_b, category_b, same (1 or 0) and may have
    kind, brand_a and brand_b. Without one, it is the held-back half of the pairs that were
    written by hand, with variants and rewordings that are made of the shipped listings, by one
    change each.
    """
    from normalizer_assets.evaluation import cache as scorer

    labelled = _labelled(pairs)
    similarity = None if worst_case else _similarities(labelled)
    judged = scorer.judge(labelled, load_config(), similarity)
    result = scorer.evaluate_cache(labelled, judged)
    if out is not None:
        judged.with_row_index("row").write_ndjson(out)
    click.echo(json.dumps(result, ensure_ascii=False))
    if not as_json:
        for kind, counts in result["by_kind"].items():
            click.echo(f"{kind:<20} {counts['hits']:>6} of {counts['pairs']:>6} are hits", err=True)
        bound = result["false_hits_at_most"]
        click.echo(
            f"{result['false_hits']} false hits"
            + ("" if bound is None else f" (at most {bound:.3%} with 95 % certainty)")
            + f"; {result['hits_on_same']} of {result['same']} same products are hits",
            err=True,
        )


@command.command("matching")
@click.option("--pairs", type=existing_file, help="Labelled pairs, CSV; else those shipped.")
@click.option("--out", type=out_file, help="Write for each pair whether it is merged, NDJSON.")
@json_option
def matching(pairs: Path | None, out: Path | None, as_json: bool) -> None:
    """Score how often the price comparison takes two products for one, on labelled pairs.

    Each pair is asked by itself, as listings of two shops without EANs, answered by the basic
    rules. The file is one of `eval cache`.
    """
    from normalizer_assets.evaluation.matching import evaluate_matching, merged

    labelled, config = _labelled(pairs), load_config()
    found = merged(labelled, config)
    if out is not None:
        found.to_frame().with_row_index("row").write_ndjson(out)
    result = evaluate_matching(labelled, found)
    click.echo(json.dumps(result, ensure_ascii=False))
    if not as_json:
        bound = result["false_merges_at_most"]
        click.echo(
            f"{result['false_merges']} false merges"
            + ("" if bound is None else f" (at most {bound:.3%} with 95 % certainty)")
            + f"; {result['merged_same']} of {result['same']} same products are merged",
            err=True,
        )


def _labelled(pairs: Path | None) -> "pl.DataFrame":
    """Reads a file of pairs, or those shipped."""
    from normalizer_assets.evaluation import cache as scorer
    from normalizer_assets.evaluation.cache_pairs import same_pairs, variant_pairs

    try:
        return (
            scorer.read_pairs(pairs)
            if pairs
            else scorer.shipped_pairs([*variant_pairs(MADE_PAIRS), *same_pairs(MADE_PAIRS)])
        )
    except scorer.PairsError as error:
        raise click.ClickException(str(error)) from None


def _similarities(pairs: "pl.DataFrame") -> "pl.Series":
    """Embeds and compares pairs in a database of their own."""
    import openai

    from normalizer_assets.batching.errors import BlockedError
    from normalizer_assets.cache.warming import own_work
    from normalizer_assets.db.engine import connect
    from normalizer_assets.evaluation.cache import similarities
    from normalizer_assets.evaluation.scratch import scratch
    from normalizer_assets.resources.openai_client import clients

    own_api = not os.environ.get("OPENAI_API_KEY")
    if own_api:
        click.echo("without OPENAI_API_KEY the stand-in embeds: no language model's", err=True)
    with scratch(own_api=own_api) as config:
        engine = connect(config)
        try:
            with clients(engine) as connect_api, own_work(config, engine, connect_api) as work:
                return similarities(pairs, work)
        except BlockedError as error:
            raise click.ClickException(error.reason) from None
        except openai.OpenAIError as error:
            raise click.ClickException(str(error)) from None
        finally:
            engine.dispose()


def _table(result: dict[str, Any]) -> str:
    lines = [f"{'field':<14} precision  recall      f1  support"]
    for field, measures in (*result["fields"].items(), ("micro", result["micro"])):
        numbers = [measures[name] for name in ("precision", "recall", "f1")]
        shown = "".join(f"{'-' if one is None else f'{one:.3f}':>8}" for one in numbers)
        lines.append(f"{field:<15}{shown}  {measures.get('support', ''):>7}")
    invented = f"{result['invented']:.2%} of the answered fields are not stated in the listing"
    return "\n".join([*lines, f"{result['rows']} listings; {invented}"])
