"""One partition from landing to cache, step by step, without an orchestrator.

Belongs here: the phases put together, and what becomes of a partition when one of them
stops. Does not belong here: anything of a phase's own, and anything of Dagster: assets,
the facade and the fault harness all call these steps.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus

import polars as pl
import sqlalchemy as sa

from normalizer_assets.answers.confidence import load_calibrations, yardstick
from normalizer_assets.answers.verdicts import Facts, GateVerdict, gate_verdict
from normalizer_assets.batching import ledger, life, questions, stored_answers
from normalizer_assets.batching.accumulation import makes_batch
from normalizer_assets.batching.asked import asked_of
from normalizer_assets.batching.calls import blocker
from normalizer_assets.batching.collection import Collected
from normalizer_assets.batching.collection import collect as collect_batches
from normalizer_assets.batching.errors import (
    BatchFailedError,
    BlockedError,
    HeldError,
    NotReady,
)
from normalizer_assets.batching.individual import Progress
from normalizer_assets.batching.outdated import Outdated, outdated_questions
from normalizer_assets.batching.partition import Partition
from normalizer_assets.batching.preflight import check_models
from normalizer_assets.batching.requests import build_requests
from normalizer_assets.batching.scenarios import individually
from normalizer_assets.batching.submission import Submitted
from normalizer_assets.batching.submission import submit as submit_batches
from normalizer_assets.batching.work import PartitionWork
from normalizer_assets.cache.audits import settle_audits
from normalizer_assets.cache.entries import Embedded, embed_pending
from normalizer_assets.cache.exact import with_routes
from normalizer_assets.cache.neighbours import neighbours_for
from normalizer_assets.cache.semantic import LookedUp, look_up, with_examples
from normalizer_assets.config import ConfigurationError, NormalizerConfig
from normalizer_assets.db.tables import PartitionState
from normalizer_assets.intake.partition import PartitionIntake, take_in
from normalizer_assets.publishing.products import build_products
from normalizer_assets.publishing.versions import (
    Version,
    earlier_measures,
    is_published,
    newest_rows,
    record_verdict,
    write_version,
)
from normalizer_assets.routing.canonical import variant_stem
from normalizer_assets.routing.routing import route_listings

LOOKS_BETWEEN_TRIES = 10
"""How many looks of the sensor a partition rests that a key, a quota or a setting blocks."""


@dataclass(frozen=True)
class Stop:
    """Why a step ended without its result.

    Attributes:
        reason: For people.
        failed: Whether that is a failure: blocked, held and waiting are none.
    """

    reason: str
    failed: bool = False


class Ending:
    """How a step ended: ``stop`` is ``None`` where it has a result."""

    stop: Stop | None = None


@contextmanager
def step(work: PartitionWork) -> Iterator[Ending]:
    """Records what becomes of the partition when the work inside stops.

    A refusal for budget, quota, key or room is no failure: the partition is blocked, and
    goes on when there is room. Who stops lets go of questions that it has not asked, so
    that partitions that wait for them can (DESIGN.md, "Paying", "A partition's life").

    Yields:
        How the step ended.

    Raises:
        BatchFailedError: After the partition was marked failed.
        Exception: Anything else, unchanged: it counts as one attempt.
    """
    import openai

    ended = Ending()
    try:
        yield ended
    except NotReady as waiting:
        ended.stop = Stop(f"{work.partition.key} waits for {waiting}")
    except BlockedError as blocked:
        ended.stop = _block(work, blocked)
    except ConfigurationError as error:
        ended.stop = _block(work, BlockedError("configuration", str(error)))
    except openai.APIStatusError as error:
        refusal = blocker(error)
        if refusal is None and error.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            refusal = BlockedError("room", f"the API takes no more requests for now: {error}")
        if refusal is None:
            raise
        ended.stop = _block(work, refusal)
    except HeldError as held:
        _end(work, "held", str(held))
        ended.stop = Stop(str(held))
    except BatchFailedError as failed:
        _end(work, "failed", str(failed))
        raise


def _block(work: PartitionWork, blocked: BlockedError) -> Stop:
    polling = work.config.polling
    # Money, room and company are looked at before a run is started; for the rest, a run finds out.
    pauses = {"doubt": work.config.batching.doubt_seconds}
    pauses |= dict.fromkeys(("room", "budget", "company"), 0.0)
    pause = pauses.get(
        blocked.by, max(polling.backoff_seconds, LOOKS_BETWEEN_TRIES * polling.interval_seconds)
    )
    with work.begin() as connection:
        row = life.read(connection, work.partition)
        if row is not None and row.state == "collecting":
            life.enter(connection, work.partition, "waiting")
        life.block(connection, work.partition, blocked, pause)
        if blocked.by == "budget":
            questions.let_go(connection, work.partition)
    words = "" if blocked.by == "company" else "is blocked: "
    return Stop(f"{work.partition.key} {words}{blocked.reason}")


def _end(work: PartitionWork, state: PartitionState, reason: str) -> None:
    with work.begin() as connection:
        life.enter(connection, work.partition, state, reason)
        ledger.stand_down(connection, work.partition)


# --- the steps ------------------------------------------------------------------------


def land(
    work: PartitionWork, limit: int | None = None, *, unasked: bool = False
) -> PartitionIntake | None:
    """Takes in what landed and records it; ``None`` where nothing has.

    Args:
        work: The partition.
        limit: Take only the first rows.
        unasked: No person asks for it, but a sensor or a schedule.

    Raises:
        HeldError: Unasked, and the partition is held with what is landed now: only a person
            takes it from there, such as after a rollback.
        IntakeError: The landed file cannot be taken in.
    """
    partition = work.partition
    taken = take_in(work.config, partition.retailer, partition.day, limit=limit)
    if taken is None:
        return None
    if unasked:
        _refuse_held(work, taken)
    record_intake(work, taken)
    return taken


def _refuse_held(work: PartitionWork, taken: PartitionIntake) -> None:
    with work.engine.connect() as connection:
        row = life.read(connection, work.partition)
    now = ("held", taken.snapshot.sha256)
    if row is not None and (row.state, row.raw_snapshot) == now:
        raise HeldError(
            f"{work.partition.key} is held, and what landed is what was there before: "
            f"{row.blocked_reason}"
        )


def record_intake(work: PartitionWork, taken: PartitionIntake) -> None:
    """Records an intake, with its quarantine."""
    with work.begin() as connection:
        life.record_landing(
            connection,
            work.partition,
            snapshot=taken.snapshot.sha256,
            raw_count=taken.intake.raw_count,
            collapsed_count=taken.intake.collapsed_count,
            quarantined=taken.intake.quarantined,
        )


def route(work: PartitionWork, listings: pl.DataFrame) -> pl.DataFrame:
    """Gives every listing its question key, score and route."""
    keyed = route_listings(listings, work.config)
    with work.engine.connect() as connection:
        return with_routes(connection, work.partition, keyed)


def submit(
    work: PartitionWork,
    routed: pl.DataFrame,
    *,
    force: bool = False,
    outdated: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Submitted:
    """Sends the partition's open questions, as ``submission.submit`` does.

    Args:
        work: The partition.
        routed: The routed_products frame.
        force: Pay again for what is answered.
        outdated: Pay again for what another model or prompt answered.
        say: Told which models were replaced by their successors, and what paying again costs.
    """
    switched: list[str] = []
    looked_up = LookedUp()

    def prepare(work: PartitionWork, listings: pl.DataFrame) -> tuple[PartitionWork, pl.DataFrame]:
        nonlocal looked_up
        looked_up = look_up(work, listings)
        if looked_up.trouble:
            say(looked_up.trouble)
        ready, replaced = _with_living_models(work, say)
        switched.extend(replaced)
        return ready, with_examples(ready, listings)

    with work.engine.connect() as connection:
        again = paid_again(
            connection, work.config, work.partition, routed, force=force, outdated=outdated
        )
    if force or again:
        say(again_notice(work.config, work.partition, routed, paid(again)))
    # Kept to tell later what was saved.
    costs = individually(work.config, routed)
    with work.begin() as connection:
        life.record(
            connection,
            work.partition,
            individual_usd=costs.full,
            individual_legacy_usd=costs.legacy,
        )
    too_old = {key: answer and answer.answered_at for key, answer in again.items()}
    sent = submit_batches(work, routed, again=too_old, prepare=prepare)
    return replace(
        sent, switched=tuple(switched), alike=looked_up.served, audited=looked_up.audited
    )


def paid_again(
    connection: sa.Connection,
    config: NormalizerConfig,
    partition: Partition,
    routed: pl.DataFrame,
    *,
    force: bool = False,
    outdated: bool = False,
) -> dict[str, Outdated | None]:
    """Returns the questions to ask although they have answers, as ``submit`` explains them.

    Returns:
        Question key -> what is wrong with its answer, ``None`` where it is forced.
    """
    if force:
        return dict.fromkeys(routed["question_key"].unique(maintain_order=True))
    return {**outdated_questions(connection, config, partition, routed)} if outdated else {}


def paid(again: Mapping[str, Outdated | None]) -> list[str]:
    """Returns those of the questions that nobody has bought a newer answer to."""
    return [key for key, answer in again.items() if answer is None or answer.unpaid]


def again_notice(
    config: NormalizerConfig, partition: Partition, routed: pl.DataFrame, again: Sequence[str]
) -> str:
    """Says what asking questions of a partition again is estimated to cost."""
    listings = routed.filter(pl.col("question_key").is_in(list(again))).unique(
        "question_key", keep="first", maintain_order=True
    )
    in_batches = makes_batch(config, partition, listings.height)
    requests = build_requests(config, listings, "batch" if in_batches else "individual")
    return (
        f"{listings.height} of {routed['question_key'].n_unique()} questions of {partition.key} "
        f"are paid again, estimated at {requests['estimated_usd'].sum() or 0:.4f} USD "
        f"{'in batches' if in_batches else 'individually'}, second opinions at full apart"
    )


def _questions(work: PartitionWork, condition: pl.Expr) -> list[str]:
    with work.engine.connect() as connection:
        mine = questions.of_partition(connection, work.partition)
    return mine.filter(condition)["question_key"].to_list()


def _with_living_models(
    work: PartitionWork, say: Callable[[str], None]
) -> tuple[PartitionWork, tuple[str, ...]]:
    """Returns the work with successors in the place of models that are gone, and which.

    Called only where there is something to ask: what is answered needs no key.
    """
    client = work.client
    preflight = check_models(work.config, client)
    for switched in preflight.switched:
        say(switched)
    ready = replace(work, config=preflight.config, connect_api=lambda: client)
    return ready, preflight.switched


def collect(
    work: PartitionWork,
    routed: pl.DataFrame,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Collected:
    """Ends the partition's questions, as ``collection.collect`` does."""
    doubtful = partial(_doubtful, routed=routed)
    if not _questions(work, pl.col("state") == "open") and not doubtful(work):
        return collect_batches(work, routed, progress)
    ready = _with_living_models(work, say)[0]
    return collect_batches(ready, with_examples(ready, routed), progress, doubtful)


def _doubtful(work: PartitionWork, routed: pl.DataFrame) -> list[str]:
    """Returns questions whose new answer of mini is under its threshold, the least sure first."""
    if not work.config.cascade.max_share:
        return []
    with work.engine.connect() as connection:
        keys = stored_answers.new_mini_answers(connection, work.partition)
    if not keys:
        return []
    products = _products(work, routed.filter(pl.col("question_key").is_in(keys)))
    # What a person decided, and the rules' rows, have no request to doubt.
    weak = products.filter((pl.col("status") == "review") & pl.col("request_id").is_not_null())
    return (
        weak.sort("confidence", "question_key")["question_key"]
        .unique(maintain_order=True)
        .to_list()
    )


@dataclass(frozen=True)
class Normalised:
    """The partition's products.

    Attributes:
        products: As ``build_products`` returns them.
        version: The version that holds them now.
    """

    products: pl.DataFrame
    version: Version


def normalise(work: PartitionWork, routed: pl.DataFrame, run_id: str) -> Normalised:
    """Judges answers by evidence and writes the partition's newest version."""
    products = _products(work, routed)
    with work.begin() as connection:
        products = stored_answers.settle_verdicts(connection, products, yardstick(work.config))
    settle_audits(work)
    return Normalised(products, write_version(work, products, run_id))


def _products(work: PartitionWork, routed: pl.DataFrame) -> pl.DataFrame:
    """Joins listings with their stored answers, and judges them."""
    with work.engine.connect() as connection:
        by_rules = questions.of_partition(connection, work.partition).filter(
            pl.col("state") == "rules"
        )
        keys = routed["question_key"].to_list()
        answers = stored_answers.answers_for(connection, work.partition, keys).join(
            by_rules, on="question_key", how="anti"
        )
        decisions = stored_answers.decisions_for(connection, keys)
    stems = routed.select("question_key", stem=variant_stem(pl.col("canonical_key")))
    with work.begin() as connection:
        neighbours = neighbours_for(connection, work.partition, stems)
    return build_products(routed, answers, work.config, decisions, neighbours)


def judge(work: PartitionWork) -> GateVerdict | None:
    """Judges the newest version and publishes or holds it.

    Returns:
        The verdict; ``None`` where there are no products.
    """
    partition, config = work.partition, work.config
    with work.engine.connect() as connection:
        row = life.read(connection, partition)
        if row is None or row.newest_version is None:
            return None
        rows = newest_rows(connection, partition)
        facts = Facts(
            expected_rows=row.raw_count - row.quarantined_count - row.collapsed_count,
            asked=asked_of(connection, partition),
            history=earlier_measures(connection, partition, config.gate.trailing_partitions),
            calibrated=load_calibrations(config.calibrations).own.keys(),
            full_share=config.router.full_shares.get(partition.retailer),
        )
    verdict = gate_verdict(rows, facts, config)
    record_verdict(work, verdict)
    return verdict


def embed(work: PartitionWork) -> Embedded | None:
    """Embeds accepted answers; ``None`` where the newest version is not published."""
    with work.engine.connect() as connection:
        if not is_published(connection, work.partition):
            return None
    return embed_pending(work)
