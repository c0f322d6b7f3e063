"""One validated configuration: ``config.gpt5.toml`` plus environment overrides.

Belongs here: the shape of every setting (units, ranges, defaults), and where its file and
folders lie. Does not belong here: reading files and wording errors (``config_reading``),
anything that acts on a setting. Phases receive the section they need and never read the
environment themselves.
"""

import os
import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from normalizer_assets.config_reading import (
    ConfigurationError as ConfigurationError,  # noqa: PLC0414 - loading raises it: known here too
)
from normalizer_assets.config_reading import Override, closest, overrides, read_settings

Tier = Literal["mini", "full", "legacy"]
Band = Literal["simple", "medium", "complex"]
TemplateName = Literal["MINIMAL", "BATCH", "STANDARD", "DETAILED", "FALLBACK"]
PackName = Literal["PACKED_SIMPLE", "PACKED_DETAILED"]
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
ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
AlertKind = Literal[
    "run_failed",
    "partition_failed",
    "partition_blocked",
    "gate_red",
    "canary_red",
    "deadline_missed",
    "batch_failed",
    "batch_stalled",
    "batch_stuck",
    "batch_in_doubt",
    "budget_near",
    "budget_over",
    "model_shutdown",
    "model_replaced",
    "cache_disagreement",
    "cache_group_closed",
]
"""What may need a person's hand (docs/operations.md, "Alerts")."""
AlertChannel = Literal["log", "webhook", "email"]

TIMEZONE = "America/Santiago"
"""Where the shops are: of days, partitions and the schedule."""

ENVIRONMENT_PREFIX = "NORMALIZER__"
DEFAULT_CONFIG_FILE = "config.gpt5.toml"

ANSWER_CONTRACT_VERSION = 1
"""Raised on purpose when the meaning of answers changes: every question is then a
new question (DESIGN.md, "Two keys")."""


class Section(BaseModel):
    """A part of the configuration: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RetailerConfig(Section):
    """One shop.

    Attributes:
        name: Display name, used in prompts ("Falabella").
        source: Key of the source that its listings are read from.
        max_age_days: Its own ``freshness.max_age_days``; 0: it is not watched.
    """

    name: str
    source: str = "landing"
    max_age_days: int | None = Field(default=None, ge=0)


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
        full_shares: Slug of a retailer -> share (0 to 1) of its listings that `normalizer
            calibrate router` left to the tier full. The gate ``route_shares`` compares the
            retailer's days with it; without an entry, with its earlier days.
        length_saturation: Characters at which the length factor reaches 1.
        terms_saturation: Technical terms at which that factor reaches 1.
        variants_saturation: Variant-telling tokens at which that factor reaches 1.
        category_complexity: Category group -> factor in 0..1.
        technical_terms: Words (matched without case and accents) that need knowledge.
    """

    weights: RouterWeights = RouterWeights()
    medium_from: float = Field(default=0.30, ge=0, le=1)
    complex_from: float = Field(default=0.50, ge=0, le=1)
    full_shares: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}
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
        answer_tokens: Tokens allowed for the answer to one listing; the cap that is sent
            adds the model's reasoning allowance.
        temperature: Sent only where the model accepts one.
        system: The system message.
        response_format: ``json_object`` as specified, ``json_schema`` (strict, its tokens
            are paid with every request) or ``text``.
        listings_per_request: How many listings share one line of a batch; 1 as specified.
            Individual calls, the canary and the tier legacy never pack, and packs show no
            examples of the cache.
    """

    model: str
    answer_tokens: int = Field(gt=0)
    temperature: float = Field(ge=0, le=2)
    system: str
    response_format: Literal["json_object", "json_schema", "text"] = "json_object"
    listings_per_request: int = Field(default=1, ge=1, le=50)


class ModelConfig(Section):
    """Prices and accepted parameters of one model, as data.

    Attributes:
        input_usd: USD per million prompt tokens.
        cached_input_usd: USD per million cached prompt tokens; ``None`` for no discount.
        output_usd: USD per million completion tokens, reasoning included.
        batch_factor: Price factor of the Batch API (0.5 = half price).
        temperature: Whether ``temperature`` is accepted.
        max_tokens_parameter: Name of the output limit.
        efforts: Values of ``reasoning_effort`` that are accepted; empty where none is.
        reasoning_effort: The one of them that is sent, ``None`` to send none.
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
    efforts: tuple[ReasoningEffort, ...] = ()
    reasoning_effort: ReasoningEffort | None = None
    reasoning_allowance: int = Field(default=0, ge=0)
    reasoning_estimate: int = Field(default=0, ge=0)
    context_tokens: int = Field(default=128_000, gt=0)
    enqueued_tokens: int | None = Field(default=None, gt=0)
    flex: bool = False
    flex_factor: float = Field(default=0.5, gt=0, le=1)
    shutdown: date | None = None
    successor: str | None = None
    when_gone: Literal["successor", "fail"] = "successor"

    @model_validator(mode="after")
    def _parameters_go_together(self) -> "ModelConfig":
        effort = self.reasoning_effort
        if effort is not None and effort not in self.efforts:
            accepted = ", ".join(self.efforts) or "none at all"
            raise ValueError(
                f"`reasoning_effort` is {effort!r}, which is not one of `efforts` ({accepted})"
            )
        if self.temperature and effort not in (None, "none"):
            raise ValueError(
                "`temperature` is accepted only where `reasoning_effort` is left out or 'none'"
            )
        return self


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
        accumulate: Whether partitions with few open questions wait for others of their day and
            leave with them in one batch. Then ``min_products`` counts from the second round on.
        accumulate_products: A partition with fewer open questions waits, until those that wait
            have so many together.
        accumulate_until_hour: At this hour in Santiago what there is leaves, 0 to 23.
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
    accumulate: bool = False
    accumulate_products: int = Field(default=1_000, gt=0)
    accumulate_until_hour: int = Field(default=6, ge=0, le=23)


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


class CascadeConfig(Section):
    """Answers of mini that are not sure enough are asked once more, at full.

    Attributes:
        max_share: At most this share of a partition's questions, the least sure first; 0
            asks none again. The budget is a limit as well.
    """

    max_share: float = Field(default=1.0, ge=0, le=1)


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
    """How long raw files and logs are kept; files of an open partition are never removed.

    Attributes:
        event_log_days: Lines of runs' logs in Dagster's storage, where that is Postgres.
        request_files_days: Request files (JSONL) after their batch was harvested.
        result_files_days: Output and error files after their batch was harvested.
    """

    event_log_days: float = Field(default=90.0, ge=1)
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
        max_share_rules: Rows answered by basic rules or the legacy model; above it only warns.
        min_asked: Fewer replies, or questions asked, than this prove nothing about a share
            of valid replies, or about what a question costs: one odd product would hold a
            partition that was answered from the cache. As many as the canary has.
        trailing_partitions: How many earlier published days the median is taken of.
        trailing_min: With fewer of them nothing is compared.
        max_confidence_drift: Distance of the mean confidence from the median.
        max_route_drift: Distance of the share of rows whose score calls for the tier full,
            from the median or from ``router.full_shares``.
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
        batch_min_texts: From so many texts on, `normalizer cache warm` embeds them through
            batches: half the price, within a day. ``None``: never.
    """

    model: str = "text-embedding-3-small"
    dimensions: int = Field(default=1536, gt=0, le=4000)
    inputs_per_call: int = Field(default=2048, gt=0, le=2048)
    tokens_per_call: int = Field(default=300_000, gt=0, le=300_000)
    concurrency: int = Field(default=2, gt=0)
    batch_min_texts: int | None = Field(default=None, gt=0)


class CacheConfig(Section):
    """The semantic tier: when an answer to a like question is served.

    Attributes:
        semantic: Whether questions that the exact tier misses are looked up at all.
        min_similarity: Cosine (0 to 1) under which nobody asks the guard. It saves work; it
            proves nothing, whatever its value.
        neighbours: How many nearest entries the guard is asked about.
        search_breadth: How many entries the index finds (pgvector's ``hnsw.ef_search``), to be
            compared by their whole vectors: larger misses fewer and takes longer.
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
    search_breadth: int = Field(default=200, gt=0, le=1000)
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


class FreshnessConfig(Section):
    """Until when a retailer's newest published day is fresh.

    Attributes:
        max_age_days: It may be so many days old, counted from today in Santiago; 0: none is
            watched. A day is published two days later at the latest: it is submitted in the
            night after it, and its batches may take until the next one.
    """

    max_age_days: int = Field(default=3, ge=0)


class _NamedSecrets(Section):
    """A section whose secrets stand in the environment; the settings have their names alone.

    Whoever writes the secret itself is told so without seeing it repeated in the message.
    """

    @model_validator(mode="after")
    def _names_not_secrets(self) -> Self:
        for key, value in self:
            if key.endswith("_variable") and not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", value):
                raise ValueError(
                    f"`{key}` must be the NAME of an environment variable, such as "
                    f"{type(self).model_fields[key].default}: write the value there, not here"
                )
        return self


class WebhookConfig(_NamedSecrets):
    """Alerts as JSON of the form ``{"text": ...}``, as Slack, Mattermost and others take it.

    Attributes:
        url_variable: Environment variable that holds the URL: who knows it can write there.
        kinds: Only alerts of these kinds; empty for all.
    """

    url_variable: str = "NORMALIZER_ALERT_WEBHOOK"
    kinds: tuple[AlertKind, ...] = ()


class EmailConfig(_NamedSecrets):
    """Alerts by e-mail.

    Attributes:
        host: SMTP server.
        port: 587 for ``starttls``, mostly 465 for ``ssl``.
        security: ``starttls`` and ``ssl`` check the server's certificate; ``none`` is for a
            relay on the same machine, without a password.
        user: Who logs in; empty where nobody has to.
        password_variable: Environment variable that holds the user's password.
        sender: Address that the alerts come from.
        recipients: Addresses that they go to.
        kinds: Only alerts of these kinds; empty for all.
    """

    host: str = ""
    port: int = Field(default=587, gt=0, lt=65_536)
    security: Literal["starttls", "ssl", "none"] = "starttls"
    user: str = ""
    password_variable: str = "NORMALIZER_SMTP_PASSWORD"  # noqa: S105 - the name of one
    sender: str = ""
    recipients: tuple[str, ...] = ()
    kinds: tuple[AlertKind, ...] = ()

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> "EmailConfig":
        if self.user and self.security == "none":
            raise ValueError(
                "`user` needs `security` starttls or ssl: a password is not sent in the clear"
            )
        return self


class AlertsConfig(Section):
    """Who is told what needs a hand. Each alert is told once.

    Attributes:
        channels: Where alerts go: the sensor's ``log``, ``webhook``, ``email``.
        quiet: Kinds that are listed by `normalizer alerts list` alone.
        budget_near: Share (0 to 1) of the day's budget from which ``budget_near`` is told.
        messages_per_look: Each channel gets at most so many at a look; the rest at the next.
        alike: More untold alerts of one kind than this make one message.
        timeout_seconds: A channel that takes longer is tried again at the next look.
        dagster_url: Where people reach Dagster's UI, such as ``https://dagster.example``, for
            links; empty for none.
    """

    channels: tuple[AlertChannel, ...] = ("log",)
    quiet: tuple[AlertKind, ...] = ()
    budget_near: float = Field(default=0.8, gt=0, le=1)
    messages_per_look: int = Field(default=10, gt=0)
    alike: int = Field(default=5, gt=0)
    timeout_seconds: float = Field(default=5.0, gt=0, le=10)
    dagster_url: str = ""
    webhook: WebhookConfig = WebhookConfig()
    email: EmailConfig = EmailConfig()

    @model_validator(mode="after")
    def _email_has_an_address(self) -> "AlertsConfig":
        missing = [key for key in ("host", "sender", "recipients") if not getattr(self.email, key)]
        if "email" in self.channels and missing:
            raise ValueError(f"`channels` has email, which needs `email.{missing[0]}`")
        return self


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
    """Everything that can be set, validated as a whole.

    Attributes:
        first_day: First day of the partitions.
        source_url: Where people read this code, such as
            ``https://git.example/normalizer/blob/main``, for links from the assets; empty for
            none.
    """

    first_day: date = date(2021, 1, 1)
    source_url: str = ""
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
    cascade: CascadeConfig = CascadeConfig()
    budget: BudgetConfig = BudgetConfig()
    retention: RetentionConfig = RetentionConfig()
    individual: IndividualConfig = IndividualConfig()
    polling: PollingConfig = PollingConfig()
    confidence: ConfidenceConfig = ConfidenceConfig()
    gate: GateConfig = GateConfig()
    embedding: EmbeddingConfig = EmbeddingConfig()
    cache: CacheConfig = CacheConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    freshness: FreshnessConfig = FreshnessConfig()
    alerts: AlertsConfig = AlertsConfig()

    @model_validator(mode="after")
    def _references_exist(self) -> "NormalizerConfig":
        for slug, retailer in self.retailers.items():
            if retailer.source not in self.sources:
                raise ValueError(
                    f"`retailers.{slug}.source` names the source {retailer.source!r}, which is "
                    "not declared"
                    + _remedy(retailer.source, self.sources, f"[sources.{retailer.source}]")
                )
        named = {f"tiers.{tier}.model": entry.model for tier, entry in self.tiers.items()}
        named["embedding.model"] = self.embedding.model
        for key, model in named.items():
            if model not in self.models:
                raise ValueError(
                    f"`{key}` names the model {model!r}, which is not in the model table"
                    + _remedy(model, self.models, f'[models."{model}"]')
                )
        for name, entry in self.models.items():
            if entry.successor is not None and entry.successor not in self.models:
                raise ValueError(
                    f'`models."{name}".successor` names {entry.successor!r}, which is not in the '
                    "model table"
                    + _remedy(entry.successor, self.models, f'[models."{entry.successor}"]')
                )
        missing = set(get_args(Tier)) - set(self.tiers)
        if missing:
            raise ValueError(f"`tiers` has no section for {', '.join(sorted(missing))}; add it")
        if self.tiers["legacy"].listings_per_request > 1:
            raise ValueError(
                "`tiers.legacy.listings_per_request` must be 1: legacy is only asked individually"
            )
        return self

    @model_validator(mode="after")
    def _retailers_exist(self) -> "NormalizerConfig":
        for slug in self.router.full_shares:
            if slug not in self.retailers:
                raise ValueError(
                    f"`router.full_shares.{slug}` names a retailer that is not declared"
                    + _remedy(slug, self.retailers, f"[retailers.{slug}]")
                )
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
    settings = read_settings(file, _folders(environ) | overrides(environ, ENVIRONMENT_PREFIX))
    config = settings.validated(NormalizerConfig)
    return config.model_copy(update={"paths": config.paths.resolved(file.parent)})


def _folders(environ: Mapping[str, str]) -> dict[tuple[str, ...], Override]:
    """Reads the two folder variables, whose folders lie in the working folder.

    The working folder, not the file's: that is where a person typed them.
    """
    named = {"NORMALIZER_LANDING": "landing", "NORMALIZER_STORAGE": "storage"}
    return {
        ("paths", key): Override(variable, _resolve(environ[variable], Path.cwd()))
        for variable, key in named.items()
        if environ.get(variable)
    }


def _resolve(path: str, base: Path) -> str:
    return path if "://" in path else str((base / path).resolve())


def _remedy(name: str, known: Iterable[str], header: str) -> str:
    """Ends an error about a name that nothing has: another name, or the section that it needs."""
    near = closest(name, known)
    return f"{near} Else add a section {header}" if near else f"; add a section {header}"
