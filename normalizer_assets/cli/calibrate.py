"""`normalizer calibrate`: fit what is chosen by figures to your own data."""

import json
import re
from pathlib import Path

import click

from normalizer_assets.cli.calibrate_router import router
from normalizer_assets.cli.options import json_option
from normalizer_assets.config import load_config

existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)
out_file = click.Path(dir_okay=False, path_type=Path)


def _model_name(_context: click.Context, _option: click.Parameter, name: str) -> str:
    """Refuses what would name a file outside the folder of calibrations."""
    if re.fullmatch(r"[\w:-][\w.:-]*(?:/[\w:-][\w.:-]*)*", name) is None:
        raise click.BadParameter(f"{name!r} is no model's name, such as gpt-5-mini")
    return name


@click.group("calibrate")
def command() -> None:
    """Fit the router and the confidence to your own traffic and labels. Asks and pays nothing."""


command.add_command(router)


@command.command("confidence")
@click.option("--gold", type=existing_file, help="Labelled answers, NDJSON; else those shipped.")
@click.option(
    "--llm-model",
    default="hand-written",
    show_default=True,
    callback=_model_name,
    help="Whose answers they are, as the API names it.",
)
@click.option(
    "--max-error",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of wrong answers among accepted ones; else confidence.max_error.",
)
@click.option("--out", type=out_file, help="Where to; else the folder of your calibrations.")
@json_option
def confidence(
    gold: Path | None, llm_model: str, max_error: float | None, out: Path | None, as_json: bool
) -> None:
    """Fit a calibration for one model and choose its thresholds.

    Half of the product families are held back, of the shipped labels as of yours; the figures
    are those of that half. The file that is written takes effect with the next materialisation.
    """
    import numpy as np

    from normalizer_assets.evaluation import calibration as curves
    from normalizer_assets.evaluation.gold import (
        GoldError,
        answer_count,
        halves,
        read_gold,
        shipped_gold,
    )

    config = load_config()
    bound = max_error or config.confidence.max_error
    try:
        if gold:
            fitted, held_back = halves(read_gold(gold), llm_model)
            unseen = None
        else:
            developed_on, new = shipped_gold("rules"), shipped_gold("calibration")
            fitted, held_back = developed_on + new, shipped_gold("test")
            unseen = np.repeat([False, True], [answer_count(developed_on), answer_count(new)])
        curve = curves.fit(curves.judge_answers(fitted, config), llm_model, bound, unseen)
        test = curves.judge_answers(held_back, config)
    except GoldError as error:
        raise click.ClickException(str(error)) from None
    file = out or config.calibrations / f"{llm_model}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(curve.model_dump_json(indent=2) + "\n", encoding="utf-8")
    report = curves.evaluate(test, curve)
    click.echo(json.dumps({"file": str(file), **report}, ensure_ascii=False))
    if not as_json:
        click.echo(f"{curves.in_words(report)}\nwritten to {file}", err=True)
