"""One validated configuration: ``config.gpt5.toml`` plus environment overrides.

Belongs here: the shape of every setting (units, ranges, defaults), reading the
file, overriding keys from the environment, and errors that name file, key and
remedy. Does not belong here: anything that acts on a setting. Phases receive
the section they need and never read the environment themselves.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Tier = Literal["mini", "full", "legacy"]
Band = Literal["simple", "medium", "complex"]
TemplateName = Literal["MINIMAL", "BATCH", "STANDARD", "DETAILED", "FALLBACK"]
CategoryGroup = Literal[
    "smartphones",
    "notebooks",
    "tablets",
    "televisions",
    "monitors",
    "storage",
    "consoles",
    "headphones",
    "beverages",
    "groceries",
    "dairy",
    "cleaning",
    "personal_care",
    "perfumes",
    "cosmetics",
    "pharmacy",
    "clothing",
    "footwear",
    "appliances",
    "small_appliances",
    "toys",
    "tools",
    "lighting",
    "pet_food",
    "baby",
    "other",
]
CATEGORY_GROUPS: tuple[str, ...] = get_args(CategoryGroup)

TIMEZONE = "America/Santiago"
"""Where the shops are: of days, partitions and the schedule."""

ENVIRONMENT_PREFIX = "NORMALIZER__"
DEFAULT_CONFIG_FILE = "config.gpt5.toml"

ANSWER_CONTRACT_VERSION = 1
"""Raised on purpose when the meaning of answers changes: every question is then a
new question (DESIGN.md, "Two keys")."""


class ConfigurationError(ValueError):
    """The configuration is wrong; the message says where and what to do."""


class Section(BaseModel):
    """A part of the configuration: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RetailerConfig(Section):
    """One shop.

    Attributes:
        name: Display name, used in prompts ("Falabella").
        source: Key of the source that its listings are read from.
    """

    name: str
    source: str = "landing"


class SourceConfig(Section):
    """How one kind of landed listings is laid out.

    Exactly one of ``path`` and ``sql`` is given.

    Attributes:
        path: Path below the landing folder (or absolute, or a URL), with
            ``{day}``, ``{retailer}`` and alternatives such as ``{csv,ndjson}``.
        sql: Query with the bound parameters ``:day`` (ISO date) and ``:retailer``.
        database_url_variable: Environment variable holding the URL for ``sql``.
        format: File format; ``None`` takes it from the file's ending.
        separator: Column separator of csv files.
        encoding: Text encoding of csv and ndjson files.
        decimal_sign: Sign before the fraction in prices, ``","`` or ``"."``.
        has_header: False where the file has no header line.
        header: Column names that replace a missing or wrong header, in order.
        columns: Our field -> the source's column. Fields left out keep their name.
        day_column: Column with the scrape day, for files that hold many days.
        day_format: ``strptime`` format of ``day_column``'s values or of
            ``day_price_columns`` names.
        day_price_columns: True where each scrape day is a column of prices whose
            name is the day written in ``day_format``.
        retailer_column: Column with the shop, for files that hold many shops.
        retailer_values: Retailer slug -> value of ``retailer_column``.
        constants: Our field -> a fixed value for every row.
        day: The one day that this source holds, for files without any day.
    """

    path: str | None = None
    sql: str | None = None
    database_url_variable: str = "NORMALIZER_SOURCE_DATABASE_URL"
    format: Literal["csv", "ndjson", "parquet"] | None = None
    separator: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    decimal_sign: Literal[",", "."] = ","
    has_header: bool = True
    header: tuple[str, ...] = ()
    columns: dict[str, str] = {}
    day_column: str | None = None
    day_format: str = "%Y-%m-%d"
    day_price_columns: bool = False
    retailer_column: str | None = None
    retailer_values: dict[str, str] = {}
    constants: dict[str, str] = {}
    day: date | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "SourceConfig":
        if (self.path is None) == (self.sql is None):
            raise ValueError("give either `path` or `sql`, not both and not neither")
        return self


class IntakeConfig(Section):
    """Limits of what counts as a listing.

    Attributes:
        max_name_characters: Longer names are cut at a word boundary.
        max_price_clp: A price above it is absurd and quarantined.
        category_groups: Raw category (any case, accents ignored) -> category group.
            Consulted before the built-in words.
    """

    max_name_characters: int = Field(default=300, ge=20)
    max_price_clp: int = Field(default=100_000_000, gt=0)
    category_groups: dict[str, CategoryGroup] = {}


class GrammarConfig(Section):
    """Words that users add to the built-in reading of listing text.

    Attributes:
        noise_words: Words and phrases that never tell products apart.
        brands: Brand as it should be written -> further spellings.
    """

    noise_words: tuple[str, ...] = ()
    brands: dict[str, tuple[str, ...]] = {}


class RouterWeights(Section):
    """Weight of each complexity factor; the score is their weighted mean."""

    length: float = Field(default=0.10, ge=0)
    technical_terms: float = Field(default=0.25, ge=0)
    category: float = Field(default=0.40, ge=0)
    price: float = Field(default=0.10, ge=0)
    variants: float = Field(default=0.15, ge=0)

    @model_validator(mode="after")
    def _some_weight(self) -> "RouterWeights":
        if not any(self.model_dump().values()):
            raise ValueError("at least one weight must be above 0")
        return self


class RouterConfig(Section):
    """The complexity score and where its bands begin.

    Attributes:
        medium_from: Score (0 to 1) at which the band medium begins.
        complex_from: Score at which the band complex, and the tier full, begins.
        length_saturation: Characters at which the length factor reaches 1.
        terms_saturation: Technical terms at which that factor reaches 1.
        variants_saturation: Variant-telling tokens at which that factor reaches 1.
        category_complexity: Category group -> factor in 0..1.
        technical_terms: Words (matched without case and accents) that need knowledge.
    """

    weights: RouterWeights = RouterWeights()
    medium_from: float = Field(default=0.30, ge=0, le=1)
    complex_from: float = Field(default=0.50, ge=0, le=1)
    length_saturation: int = Field(default=120, gt=0)
    terms_saturation: int = Field(default=4, gt=0)
    variants_saturation: int = Field(default=6, gt=0)
    category_complexity: dict[CategoryGroup, Annotated[float, Field(ge=0, le=1)]] = {}
    technical_terms: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _bands_in_order(self) -> "RouterConfig":
        if self.medium_from > self.complex_from:
            raise ValueError("`medium_from` must not be above `complex_from`")
        return self


class TierConfig(Section):
    """What a tier asks, and whom.

    Attributes:
        model: Model id; must be a key of ``models``.
        answer_tokens: Tokens allowed for the answer itself; the cap that is sent
            adds the model's reasoning allowance.
        temperature: Sent only where the model accepts one.
        system: The system message.
        response_format: ``json_object`` as specified, or ``text``.
    """

    model: str
    answer_tokens: int = Field(gt=0)
    temperature: float = Field(ge=0, le=2)
    system: str
    response_format: Literal["json_object", "text"] = "json_object"


class ModelConfig(Section):
    """Prices and accepted parameters of one model, as data.

    Attributes:
        input_usd: USD per million prompt tokens.
        cached_input_usd: USD per million cached prompt tokens; ``None`` for no discount.
        output_usd: USD per million completion tokens, reasoning included.
        batch_factor: Price factor of the Batch API (0.5 = half price).
        temperature: Whether ``temperature`` is accepted.
        max_tokens_parameter: Name of the output limit.
        reasoning_effort: Lowest effort to send, ``None`` where not accepted.
        reasoning_allowance: Tokens added to the output limit for reasoning.
        reasoning_estimate: Reasoning tokens that an estimate allows an answer; the
            allowance bounds them, this is what is expected at ``reasoning_effort``.
        context_tokens: Prompt and completion together.
        enqueued_tokens: Prompt tokens that may wait in batches at once.
        flex: Whether individual calls may ask for ``service_tier: flex``.
        flex_factor: Price factor of such calls.
        shutdown: Announced last day, ``None`` if none is announced.
        successor: Model to take when this one is gone.
        when_gone: ``successor`` switches to it, and says so; ``fail`` stops.
    """

    input_usd: float = Field(ge=0)
    cached_input_usd: float | None = Field(default=None, ge=0)
    output_usd: float = Field(default=0.0, ge=0)
    batch_factor: float = Field(default=0.5, gt=0, le=1)
    temperature: bool = False
    max_tokens_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_completion_tokens"
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = None
    reasoning_allowance: int = Field(default=0, ge=0)
    reasoning_estimate: int = Field(default=0, ge=0)
    context_tokens: int = Field(default=128_000, gt=0)
    enqueued_tokens: int | None = Field(default=None, gt=0)
    flex: bool = False
    flex_factor: float = Field(default=0.5, gt=0, le=1)
    shutdown: date | None = None
    successor: str | None = None
    when_gone: Literal["successor", "fail"] = "successor"


class BatchingConfig(Section):
    """When and how batches are made.

    Attributes:
        min_products: At most this many open questions are called individually.
        preferred_lines: Lines a shard is filled to.
        max_lines: Hard limit of the API (50,000).
        max_bytes: Hard limit of the API (200 MB), counted in UTF-8 bytes.
        enqueued_share: Share of a model's ``enqueued_tokens`` that is filled: the API counts
            a little more than the prompts, and others may use the same key.
        creations_per_hour: Hard limit of the API (2,000).
        deadline_hours: From the creation of a partition's last first-round batch; then
            its open batches are cancelled.
        second_round_min_hours: With less left until the deadline, the second round is
            individual calls.
        doubt_seconds: Pause between the two looks at the list of batches after a create
            whose reply was lost.
        backlog_seconds: Pause after the API refused a batch for its enqueued tokens.
    """

    min_products: int = Field(default=100, ge=0)
    preferred_lines: int = Field(default=10_000, gt=0, le=50_000)
    max_lines: int = Field(default=50_000, gt=0, le=50_000)
    max_bytes: int = Field(default=200_000_000, gt=0, le=200_000_000)
    enqueued_share: float = Field(default=0.8, gt=0, le=1)
    creations_per_hour: int = Field(default=2_000, gt=0, le=2_000)
    deadline_hours: float = Field(default=26.0, gt=0)
    second_round_min_hours: float = Field(default=1.0, ge=0)
    doubt_seconds: float = Field(default=60.0, ge=0)
    backlog_seconds: float = Field(default=300.0, ge=0)


class CanaryConfig(Section):
    """The first requests of a large partition, sent individually before the rest.

    Attributes:
        size: How many requests.
        min_products: A partition with more open questions than this has a canary.
        min_share_valid: Share of the canary that must be parsed and schema-valid.
    """

    size: int = Field(default=20, gt=0)
    min_products: int = Field(default=1_000, ge=0)
    min_share_valid: float = Field(default=0.9, ge=0, le=1)


class BudgetConfig(Section):
    """Hard limits of spending; money is reserved before it is spent.

    Attributes:
        partition_usd: For all paid requests of one partition.
        day_usd: For all paid requests of a calendar day in Santiago, whatever their
            partition's day.
    """

    partition_usd: float = Field(default=50.0, ge=0)
    day_usd: float = Field(default=200.0, ge=0)


class RetentionConfig(Section):
    """How long raw files are kept; files of an open partition are never removed.

    Attributes:
        request_files_days: Request files (JSONL) after their batch was harvested.
        result_files_days: Output and error files after their batch was harvested.
    """

    request_files_days: float = Field(default=30.0, ge=0)
    result_files_days: float = Field(default=365.0, ge=0)


class IndividualConfig(Section):
    """Synchronous calls: small partitions and the fallback chain.

    Attributes:
        concurrency: Calls under way at once.
        attempts: Tries for passing failures (429, 5xx) before the next step.
        timeout_seconds: Longest wait for one reply.
        backoff_seconds: First pause between tries; doubles each time.
        larger_limit_factor: An answer cut at its token limit is asked for again with a
            limit so many times larger, once in each step of the chain.
    """

    concurrency: int = Field(default=8, gt=0)
    attempts: int = Field(default=3, gt=0)
    timeout_seconds: float = Field(default=60.0, gt=0)
    backoff_seconds: float = Field(default=1.0, ge=0)
    larger_limit_factor: int = Field(default=2, gt=1)


class PollingConfig(Section):
    """The collecting sensor and ``run --wait``.

    Attributes:
        interval_seconds: Time between two looks at the list of batches.
        attempts: Tries of a failed collect before the partition counts as failed.
        backoff_seconds: Pause before the second try; doubles each time. A partition that
            is blocked by a missing key or an exhausted quota is tried again after it.
        stalled_hours: A batch without progress for so long raises an alert.
        finalizing_minutes: So does one that is finalizing for so long.
        cancelling_hours: So does one that is not terminal so long after its cancel.
    """

    interval_seconds: float = Field(default=60.0, gt=0)
    attempts: int = Field(default=3, gt=0)
    backoff_seconds: float = Field(default=60.0, ge=0)
    stalled_hours: float = Field(default=6.0, gt=0)
    finalizing_minutes: float = Field(default=60.0, gt=0)
    cancelling_hours: float = Field(default=1.0, ge=0)


class ConfidenceConfig(Section):
    """When an answer is accepted.

    Attributes:
        threshold: Confidence (0 to 1) from which an answer is accepted; ``None``: what the
            calibration of its model says.
        thresholds: Category group -> its own threshold, before all others.
        calibrations: Folder with calibrations of your own models, which
            `normalizer calibrate confidence` writes; ``None``: ``calibrations`` in the data
            folder.
        uncalibrated_margin: By how much the shipped thresholds are raised for a model
            without a calibration of its own; at most to 0.99.
        max_error: Share of wrong answers among accepted ones for which
            `normalizer calibrate confidence` chooses thresholds.
    """

    threshold: float | None = Field(default=None, ge=0, le=1)
    thresholds: dict[CategoryGroup, Annotated[float, Field(ge=0, le=1)]] = {}
    calibrations: str | None = None
    uncalibrated_margin: float = Field(default=0.05, ge=0, le=1)
    max_error: float = Field(default=0.05, gt=0, lt=1)


class GateConfig(Section):
    """What makes a partition green, and what is unusual enough to warn of.

    Shares are 0 to 1, of the rows unless it says else. Settings from
    ``trailing_partitions`` on compare with the median of the retailer's earlier published
    days, and only warn.

    Attributes:
        min_share_valid: Replies of models that are parsed and schema-valid / replies.
        min_share_accepted: Accepted rows / rows.
        max_share_rules: Rows answered by basic rules; above it only warns.
        min_asked: Fewer replies, or questions asked, than this prove nothing about a share
            of valid replies, or about what a question costs: one odd product would hold a
            partition that was answered from the cache. As many as the canary has.
        trailing_partitions: How many earlier published days the median is taken of.
        trailing_min: With fewer of them nothing is compared.
        max_confidence_drift: Distance of the mean confidence from the median.
        max_route_drift: Distance of the share of rows whose score calls for the tier full.
        max_brand_missing_drift: By how much the share of rows without a brand is over it.
        max_cost_ratio: USD a question asked / the median of it. A single call costs twice
            what a line of a batch does.
    """

    min_share_valid: float = Field(default=0.90, ge=0, le=1)
    min_share_accepted: float = Field(default=0.70, ge=0, le=1)
    max_share_rules: float = Field(default=0.05, ge=0, le=1)
    min_asked: int = Field(default=20, ge=1)
    trailing_partitions: int = Field(default=7, ge=1)
    trailing_min: int = Field(default=3, ge=1)
    max_confidence_drift: float = Field(default=0.05, ge=0, le=1)
    max_route_drift: float = Field(default=0.02, ge=0, le=1)
    max_brand_missing_drift: float = Field(default=0.05, ge=0, le=1)
    max_cost_ratio: float = Field(default=2.0, ge=1)


class EmbeddingConfig(Section):
    """Vectors for the semantic cache.

    Attributes:
        model: Model id; must be a key of ``models``.
        dimensions: Length of a vector.
        inputs_per_call: Texts in one call (API limit 2,048).
        tokens_per_call: Tokens in one call (API limit 300,000).
        concurrency: Calls under way at once; while one waits for the API, another's
            vectors enter the index, which takes longer than the call.
    """

    model: str = "text-embedding-3-small"
    dimensions: int = Field(default=1536, gt=0, le=4000)
    inputs_per_call: int = Field(default=2048, gt=0, le=2048)
    tokens_per_call: int = Field(default=300_000, gt=0, le=300_000)
    concurrency: int = Field(default=2, gt=0)


class CacheConfig(Section):
    """The semantic tier: when an answer to a like question is served.

    Attributes:
        semantic: Whether questions that the exact tier misses are looked up at all.
        min_similarity: Cosine (0 to 1) under which nobody asks the guard. It saves work; it
            proves nothing, whatever its value.
        neighbours: How many nearest entries the guard is asked about.
        search_breadth: pgvector's ``hnsw.ef_search``: larger finds more and takes longer.
        ttl_days: An older entry is removed; what it answered stays answered.
        audit_share: Share (0 to 1) of hits whose question is asked all the same.
        max_disagreements: After so many wrong hits within ``ttl_days`` a category group has
            no semantic hits until the oldest of them has passed.
        harmless_words: Category group -> words that never tell its products apart, beside
            the built-in and the learned ones.
        lexicon: File of words that `normalizer cache learn` writes; ``None``:
            ``lexicon.json`` in the data folder.
        examples: How many near misses the detailed prompt shows as examples.
    """

    semantic: bool = True
    min_similarity: float = Field(default=0.5, ge=0, le=1)
    neighbours: int = Field(default=5, gt=0, le=100)
    search_breadth: int = Field(default=100, gt=0, le=1000)
    ttl_days: float = Field(default=365.0, gt=0)
    audit_share: float = Field(default=0.01, ge=0, le=1)
    max_disagreements: int = Field(default=3, gt=0)
    harmless_words: dict[CategoryGroup, tuple[str, ...]] = {}
    lexicon: str | None = None
    examples: int = Field(default=0, ge=0, le=5)


class ScheduleConfig(Section):
    """The nightly submission, in Santiago time.

    Attributes:
        hour: Low-demand hour, 0 to 23.
        minute: Minute, 0 to 59.
        days_back: How many days back a landed, unsubmitted partition is picked up.
    """

    hour: int = Field(default=3, ge=0, le=23)
    minute: int = Field(default=0, ge=0, le=59)
    days_back: int = Field(default=2, ge=0)


class PathsConfig(Section):
    """Folders; relative ones lie beside the configuration file.

    Attributes:
        data: The project's own data (embedded Postgres, Dagster home).
        landing: Where listings arrive (folder or object-store URL); empty for ``landing``
            below ``data``.
        storage: Parquet, raw snapshots, request and result files; empty for ``storage``
            below ``data``.
    """

    data: str = "data"
    landing: str = ""
    storage: str = ""

    def resolved(self, base: Path) -> "PathsConfig":
        """Returns the folders as absolute paths, or as the URLs that they are."""
        data = _resolve(self.data, base)
        return PathsConfig(
            data=data,
            landing=_resolve(self.landing or f"{data}/landing", base),
            storage=_resolve(self.storage or f"{data}/storage", base),
        )


class NormalizerConfig(Section):
    """Everything that can be set, validated as a whole."""

    first_day: date = date(2021, 1, 1)
    paths: PathsConfig = PathsConfig()
    retailers: dict[str, RetailerConfig]
    sources: dict[str, SourceConfig]
    intake: IntakeConfig = IntakeConfig()
    grammar: GrammarConfig = GrammarConfig()
    router: RouterConfig = RouterConfig()
    tiers: dict[Tier, TierConfig]
    models: dict[str, ModelConfig]
    batching: BatchingConfig = BatchingConfig()
    canary: CanaryConfig = CanaryConfig()
    budget: BudgetConfig = BudgetConfig()
    retention: RetentionConfig = RetentionConfig()
    individual: IndividualConfig = IndividualConfig()
    polling: PollingConfig = PollingConfig()
    confidence: ConfidenceConfig = ConfidenceConfig()
    gate: GateConfig = GateConfig()
    embedding: EmbeddingConfig = EmbeddingConfig()
    cache: CacheConfig = CacheConfig()
    schedule: ScheduleConfig = ScheduleConfig()

    @model_validator(mode="after")
    def _references_exist(self) -> "NormalizerConfig":
        for slug, retailer in self.retailers.items():
            if retailer.source not in self.sources:
                raise ValueError(
                    f"`retailers.{slug}.source` names the source {retailer.source!r}, which is "
                    f"not declared; add a section [sources.{retailer.source}]"
                )
        named = {f"tiers.{tier}.model": entry.model for tier, entry in self.tiers.items()}
        named["embedding.model"] = self.embedding.model
        for key, model in named.items():
            if model not in self.models:
                raise ValueError(
                    f"`{key}` names the model {model!r}, which is not in the model table; "
                    f'add a section [models."{model}"]'
                )
        for name, entry in self.models.items():
            if entry.successor is not None and entry.successor not in self.models:
                raise ValueError(
                    f'`models."{name}".successor` names {entry.successor!r}, which is not in the '
                    f'model table; add a section [models."{entry.successor}"]'
                )
        missing = set(get_args(Tier)) - set(self.tiers)
        if missing:
            raise ValueError(f"no section for the tier(s) {', '.join(sorted(missing))}")
        return self

    def model_of(self, tier: Tier) -> ModelConfig:
        """Returns the model table's entry behind a tier."""
        return self.models[self.tiers[tier].model]

    @property
    def lexicon(self) -> Path:
        """File of words that were learned from one's own labelled pairs."""
        return Path(self.cache.lexicon or Path(self.paths.data, "lexicon.json"))

    @property
    def calibrations(self) -> Path:
        """Folder of the calibrations of one's own models."""
        return Path(self.confidence.calibrations or Path(self.paths.data, "calibrations"))


def config_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Finds the configuration file.

    ``NORMALIZER_CONFIG`` decides; else ``config.gpt5.toml`` in the working folder;
    else the one beside the package, so that a command works from any folder.

    Raises:
        ConfigurationError: No such file.
    """
    named = environ.get("NORMALIZER_CONFIG")
    candidates = (
        [Path(named)]
        if named
        else [Path(DEFAULT_CONFIG_FILE), Path(__file__).parent.parent / DEFAULT_CONFIG_FILE]
    )
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    raise ConfigurationError(
        f"no configuration file at {candidates[0]}; create it, or set NORMALIZER_CONFIG to "
        f"the path of an existing one"
    )


def load_config(environ: Mapping[str, str] = os.environ) -> NormalizerConfig:
    """Reads the file, applies the environment, resolves the folders, validates.

    Returns:
        The configuration, with ``paths`` absolute.

    Raises:
        ConfigurationError: Naming the file or variable, the key, and the remedy.
    """
    file = config_file(environ)
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file.name} is not valid TOML: {error}") from error
    variables = _apply_environment(values, environ)
    config = validate_config(values, origin=file.name, variables=variables)
    return config.model_copy(update={"paths": config.paths.resolved(file.parent)})


def validate_config(
    values: Mapping[str, Any],
    origin: str,
    variables: Mapping[tuple[str, ...], str] | None = None,
) -> NormalizerConfig:
    """Validates a nested mapping, turning pydantic's errors into ours.

    Args:
        values: Sections and keys as read from TOML.
        origin: What to call the place of an error, such as a file name.
        variables: Key -> the environment variable that set it, and is then the place.

    Raises:
        ConfigurationError: One line per wrong key.
    """
    try:
        return NormalizerConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(
            "\n".join(
                f"{_place(detail, origin, variables or {})}: {_explain(detail)}"
                for detail in error.errors()
            )
        ) from None


def _apply_environment(
    values: dict[str, Any], environ: Mapping[str, str]
) -> dict[tuple[str, ...], str]:
    """Writes ``NORMALIZER__SECTION__KEY`` and the two folder variables into ``values``.

    Returns:
        Key -> the variable that set it.
    """
    given: dict[tuple[str, ...], tuple[str, Any]] = {}
    for variable, folder in (("NORMALIZER_LANDING", "landing"), ("NORMALIZER_STORAGE", "storage")):
        if environ.get(variable):
            # The working folder, not the file's: that is where a person typed it.
            given["paths", folder] = (variable, _resolve(environ[variable], Path.cwd()))
    for variable, text in environ.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            path = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            given[tuple(path)] = (variable, _toml_value(text))
    for (*sections, key), (variable, value) in sorted(given.items()):
        target = values
        for section in sections:
            target = target.setdefault(section, {})
            if not isinstance(target, dict):
                raise ConfigurationError(f"{variable}: `{section}` is a value, not a section")
        target[key] = value
    return {path: variable for path, (variable, _) in given.items()}


def _toml_value(text: str) -> Any:
    """Reads ``text`` as a TOML value; what is none is taken as a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _resolve(path: str, base: Path) -> str:
    return path if "://" in path else str((base / path).resolve())


def _place(detail: Mapping[str, Any], origin: str, variables: Mapping[tuple[str, ...], str]) -> str:
    """Says where one pydantic error comes from: the variables that set its keys, else the file."""
    location = _location(detail)

    def concerns(path: tuple[str, ...]) -> bool:
        above = path == location[: len(path)]
        below = location == path[: len(location)]
        return above or (below and f"`{'.'.join(path[len(location) :])}`" in detail["msg"])

    return ", ".join(name for path, name in variables.items() if concerns(path)) or origin


def _location(detail: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the key of one pydantic error, section by section."""
    # pydantic marks an error in the key of a table itself with a last part of its own.
    return tuple(str(part) for part in detail["loc"] if part != "[key]")


def _explain(detail: Mapping[str, Any]) -> str:
    """Puts one pydantic error into words, with the nearest known word for a typo."""
    location = _location(detail)
    key = ".".join(location)
    if detail["type"] == "extra_forbidden" or detail["loc"][-1:] == ("[key]",):
        known = _expected(detail) or _known_keys(location[:-1])
        return f"unknown key `{key}`{_hint(location[-1], known) or '; remove it'}"
    if detail["type"] == "missing":
        return f"`{key}` is missing; add it"
    message = str(detail["msg"]).removeprefix("Value error, ")
    if not location:
        return message
    if detail["type"] == "model_type":
        message = f"expected a section with keys, write [{key}]"
    given = f" (given: {detail['input']!r})" if not isinstance(detail["input"], dict) else ""
    return f"`{key}`: {message}{given}{_hint(str(detail['input']), _expected(detail))}"


def _expected(detail: Mapping[str, Any]) -> list[str]:
    """Returns the words that pydantic expected, where it expected one of a few."""
    return re.findall(r"'([^']+)'", detail.get("ctx", {}).get("expected", ""))


def _hint(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _known_keys(sections: tuple[str, ...]) -> list[str]:
    """Returns the keys that the section at this location knows."""
    model: type[BaseModel] = NormalizerConfig
    for section in sections:
        field = model.model_fields.get(section)
        if field is None:  # the key of a table such as [models."gpt-5"]
            continue
        for candidate in (field.annotation, *get_args(field.annotation)):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                model = candidate
    return list(model.model_fields)
