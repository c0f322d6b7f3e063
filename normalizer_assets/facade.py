"""The normaliser for a list of dicts, without an orchestrator.

Belongs here: the three calls of the specification (issue 3, point 10), waiting for them
without blocking the event loop, and what the caller gets back. Does not belong here: the
work itself, which is that of the assets (``direct``, ``pipeline``).

    async with Normalizer() as normalizer:
        answers = await normalizer.extract_batch_with_llm(products)
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import NormalizerConfig, load_config

if TYPE_CHECKING:
    import sqlalchemy as sa
    from openai import OpenAI

    from normalizer_assets.batching.life import Launch
    from normalizer_assets.intake.partition import PartitionIntake
    from normalizer_assets.publishing.report import PartitionReport

Product = Mapping[str, Any]
Result = TypeVar("Result")

logger = logging.getLogger(__name__)

TURN_PAUSE_SECONDS = 0.5
"""Between two looks whether another call with the same products has ended its turn."""

_ANSWER_COLUMNS = (
    "sku",
    "price",
    "category_group",
    "brand",
    "model",
    "attributes",
    "normalized_name",
    "category_suggestion",
    "confidence",
    "status",
    "reasons",
    "answered_by",
    "llm_model",
)


class NormalizerError(RuntimeError):
    """The products have no answers yet; the message says why and what to do.

    Nothing is lost: the same call goes on where this one stopped, and pays nothing twice.
    """


class _CallCancelledError(Exception):
    """Ends a job between two paid calls, because its task was cancelled."""


@dataclass(frozen=True)
class Population:
    """What ``process_initial_population`` did.

    Attributes:
        products_processed: Products that were normalised; quarantined ones and duplicates
            are none.
        batches_created: Batches bought for them.
        estimated_cost: USD, as estimated before the requests were sent.
        actual_cost: USD, as billed, embeddings included; a repeated call buys nothing, and
            shows what the first one paid.
        time: Seconds of this call.
        success_rate: Share (0 to 1) answered by a model, a person or the cache, not by the
            basic rules.
        products: One entry for each given product, in their order; see
            ``Normalizer.extract_batch_with_llm``.
        quarantined: Products that are no listing.
        duplicates: Products that repeat another one of the list.
        partition: Key of the partition that holds them in the database; empty where no
            product is a listing.
        published: Whether the gate was green: these rows are in ``published_products``,
            and their accepted answers in the semantic cache.
        held_because: What the gate says where it is red.
    """

    products_processed: int = 0
    batches_created: int = 0
    estimated_cost: float = 0.0
    actual_cost: float = 0.0
    time: float = 0.0
    success_rate: float = 0.0
    products: list[dict[str, Any]] = field(default_factory=list)
    quarantined: int = 0
    duplicates: int = 0
    partition: str = ""
    published: bool = False
    held_because: str | None = None


class Normalizer:
    """Normalises lists of dicts over the ledger, cache and chain that the assets use.

    Args:
        config: All settings; by default ``load_config()``.
        engine: The normaliser's database, its schema up to date; by default the one that
            configuration and environment name, the embedded server included. An engine
            that is given is not closed.
        client: A synchronous client: calls run in threads. By default it is made from
            ``OPENAI_API_KEY`` and ``OPENAI_BASE_URL``.
    """

    def __init__(
        self,
        config: NormalizerConfig | None = None,
        engine: "sa.Engine | None" = None,
        client: "OpenAI | None" = None,
    ) -> None:
        self._config = config
        self._given_engine = engine
        self._given_client = client
        self._opened: _Opened | None = None

    async def __aenter__(self) -> Self:
        """Connects to the database; the API is connected when it is first needed.

        Raises:
            ConfigurationError: A wrong setting, or no usable database.
            TypeError: The client is no synchronous one.
        """
        config = self._config or load_config()
        self._opened = await asyncio.to_thread(
            _Opened, config, self._given_engine, self._given_client
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes what was opened here."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await asyncio.to_thread(opened.close)

    async def process_initial_population(self, products: Iterable[Product]) -> Population:
        """Normalises many products and sums up what was done.

        They go in batches at half price where more than ``batching.min_products`` questions
        are open, else one by one; a batch may take up to a day. Argument and errors are
        those of ``extract_batch_with_llm``.
        """
        started = time.monotonic()
        done = await self._normalise(products)
        seconds = time.monotonic() - started
        report = done.report
        if report is None:
            return Population(time=seconds, products=done.entries, quarantined=len(done.entries))
        return Population(
            products_processed=report.rows,
            batches_created=report.batches,
            estimated_cost=float(report.estimated_usd),
            actual_cost=float(report.cost_usd),
            time=seconds,
            success_rate=report.success_rate,
            products=done.entries,
            quarantined=report.quarantined,
            duplicates=report.collapsed,
            partition=Partition(report.day, report.retailer).key,
            published=report.state == "published",
            held_because=report.blocked_reason,
        )

    async def extract_batch_with_llm(self, products: Iterable[Product]) -> list[dict[str, Any]]:
        """Normalises products: in batches where there are many, else one by one.

        Cancelling the task ends the work after the paid calls that are under way; their
        answers are kept, and the same call goes on from there.

        Args:
            products: Dicts with ``name``, and as far as known ``category``, ``price``,
                ``retailer`` (name or slug of the shop), ``sku``, ``brand``, ``ean``, ``url``.

        Returns:
            One dict for each product, in the order given: name, category and retailer as
            given, sku (derived where missing), price (CLP), category_group, brand, model,
            attributes (dict), normalized_name, category_suggestion, confidence (0 to 1),
            status (accepted, review, rejected, or quarantined for what is no listing),
            reasons, answered_by, llm_model, cost_usd (of the request that was bought for
            it), duplicate_of (index of the product that it repeats, else ``None``).

        Raises:
            ValueError: Something is no product; the message names its index, and nothing
                was sent.
            NormalizerError: Blocked, held by the canary or failed.
        """
        return (await self._normalise(products)).entries

    async def extract_with_llm(self, name: str, category: str | None = None) -> dict[str, Any]:
        """Normalises one product, individually, never in a batch.

        Args:
            name: As listed.
            category: As listed.

        Returns:
            An entry as ``extract_batch_with_llm`` returns them.

        Raises:
            ValueError: There is no name.
            NormalizerError: Blocked or failed.
        """
        product = {"name": name, "category": category}
        return (await self._normalise([product], individually=True)).entries[0]

    async def _normalise(
        self, products: Iterable[Product], *, individually: bool = False
    ) -> "_Done":
        opened = self._opened
        if opened is None:
            raise RuntimeError("open it first: `async with Normalizer() as normalizer:`")
        given = list(products)
        if not given:
            return _Done([])
        call = _Call(opened, given, individually=individually)
        await call.run(call.take_in)
        if not call.taken.intake.listings.is_empty():
            await call.bring_to_end()
        return await call.run(call.done)


class _Opened:
    """What all calls share: settings, database, and one client, made when first needed."""

    def __init__(
        self, config: NormalizerConfig, engine: "sa.Engine | None", client: "OpenAI | None"
    ) -> None:
        from openai import OpenAI

        from normalizer_assets.db.engine import connect
        from normalizer_assets.resources.openai_client import bind_database, clients

        if client is not None and not isinstance(client, OpenAI):
            raise TypeError(
                f"`client` must be an openai.OpenAI, not {type(client).__name__}: calls run in "
                f"threads, the facade itself is what you await"
            )
        self.config = config
        with ExitStack() as opened:
            self.engine = engine or connect(config)
            if engine is None:
                opened.callback(self.engine.dispose)
            if client is None:
                self.connect_api = opened.enter_context(clients(self.engine))
            else:
                bind_database(self.engine, client)
                self.connect_api = lambda: client
            self._own = opened.pop_all()

    def close(self) -> None:
        """Closes what was not given."""
        self._own.close()


@dataclass(frozen=True)
class _Done:
    """The entries of a call, and the figures of its partition where it has one."""

    entries: list[dict[str, Any]]
    report: "PartitionReport | None" = None


class _Call:
    """One call: its products, their partition, and the way to its end."""

    partition: Partition
    taken: "PartitionIntake"

    def __init__(self, opened: _Opened, products: list[Product], *, individually: bool) -> None:
        self._opened = opened
        self._products = products
        self._cancelled = threading.Event()
        self._trouble: list[Exception] = []
        config = opened.config
        if individually:
            never = config.batching.model_copy(update={"min_products": len(products)})
            config = config.model_copy(update={"batching": never})
        self._config = config

    async def run(self, work: Callable[[], Result]) -> Result:
        """Runs blocking work in a thread, and leaves only when that has ended.

        A cancelled call that left its thread behind would go on working unseen, and hold
        the partition's lock against the call that repeats it.
        """
        running = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._cancelled.set()
            await asyncio.wait([running])
            if not running.cancelled():
                running.exception()  # looked at, or the event loop complains
            raise

    def take_in(self) -> None:
        """Reads the products.

        Raises:
            ValueError: Something is no product.
        """
        from normalizer_assets import direct
        from normalizer_assets.intake.given import as_ndjson

        self.partition, self.taken = direct.take_in(
            self._config, self._opened.engine, as_ndjson(self._products)
        )

    async def bring_to_end(self) -> None:
        """Submits, waits and collects, as often as that is due."""
        from normalizer_assets.automation.looks import WaitsInVainError, looks

        config, engine, connect_api = self._config, self._opened.engine, self._opened.connect_api
        while await self._attempt(self._give) is not None:
            await asyncio.sleep(TURN_PAUSE_SECONDS)
        looking = looks(engine, connect_api, config, self.partition, lambda it: it.is_direct)
        try:
            while (found := await self.run(partial(next, looking, None))) is not None:
                for failure in found.failures:
                    logger.warning("%s", failure)
                for launch in found.launches:
                    await self._attempt(partial(self._execute, launch))
                if not found.launches:
                    logger.info("%s: %s", self.partition.key, found.summary)
                    await asyncio.sleep(config.polling.interval_seconds)
        except WaitsInVainError as error:
            raise NormalizerError(str(error)) from error

    async def _attempt(self, work: Callable[[], Result]) -> Result | None:
        """Runs a job; what it raises is kept: the ledger says whether it is tried again."""
        try:
            return await self.run(work)
        except Exception as error:
            logger.warning("%s: %s", self.partition.key, error, exc_info=error)
            self._trouble.append(error)
            return None

    def _give(self) -> str | None:
        from normalizer_assets import direct

        opened = self._opened
        return direct.give(
            self._config, opened.engine, self.partition, self.taken, opened.connect_api
        )

    def _execute(self, launch: "Launch") -> None:
        from normalizer_assets import direct

        def heed(_ended: int, _total: int) -> None:
            if self._cancelled.is_set():
                raise _CallCancelledError

        opened = self._opened
        direct.execute(self._config, opened.engine, launch, opened.connect_api, heed)

    def done(self) -> _Done:
        """Reads what the call came to.

        Raises:
            NormalizerError: There are no answers yet.
        """
        from normalizer_assets.batching import life
        from normalizer_assets.publishing.report import partition_reports
        from normalizer_assets.publishing.versions import newest_products

        if self.taken.intake.listings.is_empty():
            return _Done(self._entries({}))
        partition, engine = self.partition, self._opened.engine
        with engine.connect() as connection:
            row = life.read(connection, partition)
            products = newest_products(connection, partition)
        ended = row is not None and row.state in ("published", "held") and products
        if not ended:
            self._raise_unended(row)
        [report] = partition_reports(engine, partition.day, partition.retailer)
        return _Done(self._entries({product["sku"]: product for product in products}), report)

    def _raise_unended(self, row: "sa.Row[Any] | None") -> None:
        cause = self._trouble[-1] if self._trouble else None
        state, reason = (None, None) if row is None else (row.state, row.blocked_reason)
        raise NormalizerError(
            f"{self.partition.key} is {state or 'not taken in'}: {reason or cause}; the same call "
            f"goes on where this one stopped, nothing is lost or paid twice"
        ) from cause

    def _entries(self, products: Mapping[str, "sa.RowMapping"]) -> list[dict[str, Any]]:
        """Puts what became of each product at its place."""
        intake = self.taken.intake
        skus = dict(intake.listings.select("row_number", "sku").iter_rows())
        reasons = dict(intake.quarantined.select("row_number", "reason").iter_rows())
        same_as = dict(intake.duplicates.select("row_number", "same_as").iter_rows())
        entries = []
        for number, given in enumerate(self._products, start=1):
            entry = {key: given.get(key) for key in ("name", "category", "retailer")}
            stays = same_as.get(number, number)
            if number in reasons:
                entry |= dict.fromkeys(_ANSWER_COLUMNS) | {
                    "sku": given.get("sku"),
                    "price": given.get("price"),
                    "attributes": {},
                    "confidence": 0.0,
                    "status": "quarantined",
                    "reasons": reasons[number],
                    "cost_usd": 0.0,
                }
            else:
                product = products[skus[stays]]
                entry |= {column: product[column] for column in _ANSWER_COLUMNS}
                entry["cost_usd"] = float(product["cost_usd"]) if stays == number else 0.0
            entries.append(entry | {"duplicate_of": None if stays == number else stays - 1})
        return entries
