"""Direct partitions: products that were given as dicts, worked on without Dagster.

Belongs here: their name, and their two jobs put together from the steps of ``pipeline``.
Does not belong here: a step's own work, when a job is due (``automation``), and what the
caller is told (``facade``).

A job works from the ledger and the kept snapshot alone, so any process can go on with
what another one left: the one that called again, one that waits for the same question.
"""

import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from normalizer_assets import pipeline
from normalizer_assets.batching import life
from normalizer_assets.batching.individual import Progress
from normalizer_assets.batching.partition import DIRECT, Partition
from normalizer_assets.batching.work import PartitionWork, turn
from normalizer_assets.config import TIMEZONE, NormalizerConfig
from normalizer_assets.db.tables import partitions
from normalizer_assets.intake.given import SUFFIX, take_in_given
from normalizer_assets.intake.landing import snapshot_path
from normalizer_assets.intake.partition import PartitionIntake

if TYPE_CHECKING:
    from openai import OpenAI

HASH_CHARACTERS = 12


def take_in(
    config: NormalizerConfig, engine: sa.Engine, content: bytes
) -> tuple[Partition, PartitionIntake]:
    """Takes in products that are given; returns their partition as well.

    The same products have the same partition for a day. A call that is repeated after a
    crash goes on with the partition that it left, also after midnight: a new one would
    wait for the questions of the old one.

    Args:
        config: All settings.
        engine: The normaliser's database.
        content: From ``as_ndjson``, at least one product.
    """
    retailer = f"{DIRECT}{hashlib.sha256(content).hexdigest()[:HASH_CHARACTERS]}"
    with engine.connect() as connection:
        begun = connection.execute(
            sa.select(sa.func.max(partitions.c.day)).where(
                partitions.c.retailer == retailer,
                partitions.c.raw_snapshot.is_not(None),
                partitions.c.state.not_in(("published", "held")),
            )
        ).scalar()
    day = begun or datetime.now(ZoneInfo(TIMEZONE)).date()
    return Partition(day, retailer), take_in_given(config, content, retailer, day)


def give(
    config: NormalizerConfig,
    engine: sa.Engine,
    partition: Partition,
    taken: PartitionIntake,
    connect_api: "Callable[[], OpenAI]",
) -> str | None:
    """Records what was given and submits it.

    Returns:
        Who else works on the partition, so that nothing was done; ``None`` if nobody does.
    """
    with turn(config, engine, partition, connect_api, _holder(), 0) as (work, other):
        if other is None:
            pipeline.record_intake(work, taken)
            _submit(work, taken)
        return other


def execute(
    config: NormalizerConfig,
    engine: sa.Engine,
    launch: life.Launch,
    connect_api: "Callable[[], OpenAI]",
    progress: Progress = lambda _ended, _total: None,
) -> pipeline.Stop | None:
    """Runs a job of a direct partition: ``submit`` or ``collect``.

    Args:
        config: All settings.
        engine: The normaliser's database.
        launch: Which job of which partition, counted as an attempt.
        connect_api: Makes the API's client.
        progress: Called with (questions ended, questions in all) between paid calls; what
            it raises ends the job there, and nothing is lost.

    Returns:
        Why it ended without its result, ``None`` where it has one.
    """
    partition = launch.partition
    with turn(config, engine, partition, connect_api, _holder(), 0) as (work, other):
        if other is not None:
            life.return_attempt(engine, partition)
            return pipeline.Stop(f"{partition.key} is being worked on by {other}")
        taken = _kept(work)
        return _submit(work, taken) if launch.job == "submit" else _collect(work, taken, progress)


def attempt(
    config: NormalizerConfig,
    engine: sa.Engine,
    launch: life.Launch,
    connect_api: "Callable[[], OpenAI]",
) -> list[str]:
    """Runs a job as ``execute`` does; returns what failed, for people: it is tried again."""
    try:
        execute(config, engine, launch, connect_api)
    except Exception as error:  # noqa: BLE001 - as in a run, any error is one attempt
        return [f"{launch.partition.key}: {launch.job} failed: {error}"]
    return []


def awaited(engine: sa.Engine) -> set[Partition]:
    """Returns the direct partitions that ask what a landed partition waits for."""
    with engine.connect() as connection:
        rows = connection.execute(sa.text(_AWAITED), {"direct": f"{DIRECT}%"})
        return {Partition(row.day, row.retailer) for row in rows}


_AWAITED = """
select distinct asker.day, asker.retailer
from normalizer.partition_questions asker
join normalizer.partition_questions waiting using (question_key)
where asker.state = 'open' and not asker.waits and asker.retailer like :direct
  and waiting.state = 'open' and waiting.waits and waiting.retailer not like :direct
"""


def _submit(work: PartitionWork, taken: PartitionIntake) -> pipeline.Stop | None:
    routed = pipeline.route(work, taken.intake.listings)
    with pipeline.step(work) as ended:
        pipeline.submit(work, routed)
    return ended.stop


def _collect(
    work: PartitionWork, taken: PartitionIntake, progress: Progress
) -> pipeline.Stop | None:
    """Collects, judges and embeds, as the job ``collect`` does."""
    routed = pipeline.route(work, taken.intake.listings)
    with pipeline.step(work) as ended:
        pipeline.collect(work, routed, progress)
    if ended.stop is not None:
        return ended.stop
    pipeline.normalise(work, routed, run_id=f"{DIRECT}{uuid.uuid4()}")
    pipeline.judge(work)
    with pipeline.step(work) as ended:
        pipeline.embed(work)
    return ended.stop


def _kept(work: PartitionWork) -> PartitionIntake:
    """Takes in what was given once more, from its snapshot."""
    with work.engine.connect() as connection:
        row = life.read(connection, work.partition)
    if row is None:
        raise LookupError(f"{work.partition.key} was never given any products")
    content = snapshot_path(row.raw_snapshot, SUFFIX, work.config.paths.storage).read_bytes()
    return take_in_given(work.config, content, work.partition.retailer, work.partition.day)


def _holder() -> str:
    return f"facade {uuid.uuid4().hex[:8]}"
