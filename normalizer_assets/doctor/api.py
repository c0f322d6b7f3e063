"""Checks of the API: the key, the models and their last days.

Belongs here: one look at the list of models, which costs nothing, and what it tells. Does not
belong here: switching to successors, which happens before money is spent
(``batching.preflight``); this only tells early.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime

from normalizer_assets.batching.preflight import WINDOW, announced_shutdown, living_model
from normalizer_assets.batching.replies import UnreadableReplyError, pages
from normalizer_assets.config import ConfigurationError, NormalizerConfig
from normalizer_assets.doctor.findings import Finding, Level, worst
from normalizer_assets.resources.openai_client import (
    FIRST_LOOK_SECONDS,
    STANDIN_OWNER,
    open_client,
    unreachable,
)

SOON = timedelta(days=30)
"""Time enough to try another model and to fit its calibration."""


@dataclass(frozen=True)
class Listing:
    """What the API said of its models.

    Attributes:
        url: Whom we asked.
        source: ``standin`` or ``openai``, as in ``answer_sources``.
        shutdowns: Model id -> announced last day, where the list says one.
        seconds_ahead: By how much its clock is ahead of ours, ``None`` where it did not say.
    """

    url: str
    source: str
    shutdowns: Mapping[str, date | None]
    seconds_ahead: float | None


def ask(environ: Mapping[str, str]) -> Listing:
    """Asks for the list of models, once.

    Raises:
        ConfigurationError: No key, a refused one, nobody there, or a reply that is no list.
    """
    import openai
    from openai.types import Model

    with open_client(environ) as client:
        once = client.with_options(timeout=FIRST_LOOK_SECONDS, max_retries=0)
        url = str(client.base_url)
        before = time.time()
        try:
            reply = once.models.with_raw_response.list()
            middle = (before + time.time()) / 2
            models = list(pages(Model, reply.parse))
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise ConfigurationError(
                f"{url} refuses the key ({error.message}); export the right one: "
                f"`export OPENAI_API_KEY=...`"
            ) from None
        except openai.APIConnectionError as error:
            raise ConfigurationError(unreachable(error)) from None
        except (openai.APIError, UnreadableReplyError) as error:
            raise ConfigurationError(
                f"{url} gave no list of models ({error}); check OPENAI_BASE_URL, or try later"
            ) from None
    return Listing(
        url=url,
        source="standin" if STANDIN_OWNER in {model.owned_by for model in models} else "openai",
        shutdowns={model.id: announced_shutdown(model) for model in models},
        seconds_ahead=seconds_ahead(reply.headers.get("date"), middle),
    )


def seconds_ahead(written: str | None, ours: float) -> float | None:
    """Returns by how much a header ``Date`` is ahead of our time in seconds.

    The header is cut to whole seconds. ``None`` where it says no moment.
    """
    try:
        return parsedate_to_datetime(written or "").timestamp() + 0.5 - ours
    except ValueError:
        return None


def key(listing: Listing) -> Finding:
    """Says who answers with this key."""
    who = "the stand-in, no language model" if listing.source == "standin" else "the API"
    return Finding("ok", f"{listing.url} answers: {who}, with {len(listing.shutdowns)} models")


NO_KEY = Finding(
    "warn",
    "OPENAI_API_KEY is not set: nothing can be asked",
    "export OPENAI_API_KEY=..., or try without one: `normalizer demo`, `normalizer dev`",
)


# --- models ---------------------------------------------------------------------------


def models(
    config: NormalizerConfig, listed: Mapping[str, date | None] | None, now: datetime
) -> Finding:
    """Says how long the configured models live.

    Args:
        config: Tiers, embedding model and the model table.
        listed: As the API lists them; ``None`` where it was not asked: the table counts.
        now: With a time zone.
    """
    return worst(
        {
            f"{setting} {name}": _lifetime(config, setting, name, listed, now)
            for setting, name in _configured(config).items()
        }
    )


def successors(
    config: NormalizerConfig, listed: Mapping[str, date | None] | None, now: datetime
) -> Finding:
    """Says who answers once the configured models are gone; arguments as in ``models``."""
    shutdowns = dict.fromkeys(config.models) if listed is None else listed
    last_day = (now.astimezone(UTC) + WINDOW).date()
    found: dict[str, Finding] = {}
    for tier, settings in config.tiers.items():
        entry = config.models[settings.model]
        lifetime = _lifetime(config, f"tiers.{tier}.model", settings.model, listed, now)
        missing: Level = "warn" if lifetime.level == "ok" else "fail"
        todo = (
            f'name one in [models."{settings.model}"], `successor = "..."`, or another model for '
            f"the tier: `export NORMALIZER__TIERS__{tier.upper()}__MODEL=...`"
        )
        if entry.successor is None:
            is_needed = _last_day(config, settings.model, listed) is not None
            found[tier] = Finding(missing if is_needed else "ok", "no successor", todo * is_needed)
            continue
        try:
            living, why = living_model(config.models, entry.successor, shutdowns, last_day)
        except ConfigurationError as error:
            found[tier] = Finding(missing, str(error), todo)
        else:
            found[tier] = Finding("ok", living + (f" ({why})" if why else ""))
    return worst(found)


def _configured(config: NormalizerConfig) -> dict[str, str]:
    tiers = {f"tiers.{tier}.model": settings.model for tier, settings in config.tiers.items()}
    return tiers | {"embedding.model": config.embedding.model}


def _last_day(
    config: NormalizerConfig, name: str, listed: Mapping[str, date | None] | None
) -> date | None:
    """Returns the announced last day: the API's, else the table's, as ``preflight`` reads it."""
    return (listed or {}).get(name) or config.models[name].shutdown


def _lifetime(
    config: NormalizerConfig,
    setting: str,
    name: str,
    listed: Mapping[str, date | None] | None,
    now: datetime,
) -> Finding:
    successor = config.models[name].successor
    variable = f"NORMALIZER__{setting.upper().replace('.', '__')}"
    todo = f"try another one (docs/operations.md, Models): `export {variable}={successor or '...'}`"
    if listed is not None and name not in listed:
        return Finding("fail", "the API has no such model", todo)
    shutdown = _last_day(config, name, listed)
    if shutdown is None:
        return Finding("ok", "no last day is announced")
    today = now.astimezone(UTC)
    if shutdown <= (today + WINDOW).date():
        return Finding("fail", f"shut down on {shutdown}", todo)
    is_soon = shutdown <= (today + SOON).date()
    days = (shutdown - today.date()).days
    return Finding(
        "warn" if is_soon else "ok",
        f"shut down on {shutdown}, in {days} days",
        todo if is_soon else "",
    )
