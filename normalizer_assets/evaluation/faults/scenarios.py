"""What lands, what goes wrong and how often: a scenario as data, made from a seed.

Belongs here: inventing scenarios. Does not belong here: running them.
"""

import csv
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, cast, get_args

from normalizer_assets.batching.partition import Partition
from normalizer_assets.standin.faults import (
    IN_FILES_ONLY,
    NEVER_REACHED,
    BatchFault,
    Endpoint,
    EndpointFault,
    Fault,
    LineFault,
    LineKind,
)

LANDINGS = 6
"""Different contents of the landing folder; each is once run without faults."""

STANDIN_SEED = 7
FAILING_LINES = 0.12

PARTITIONS = (
    Partition(date(2024, 1, 15), "lider"),
    Partition(date(2024, 1, 15), "jumbo"),
    Partition(date(2024, 1, 16), "lider"),
)

DEFAULTS: dict[str, object] = {
    "batching.min_products": 3,
    "batching.preferred_lines": 6,
    "batching.doubt_seconds": 0.05,
    "batching.backlog_seconds": 0.05,
    "polling.interval_seconds": 0.02,
    "polling.backoff_seconds": 0,
    "individual.backoff_seconds": 0,
    "individual.concurrency": 1,
    "embedding.concurrency": 1,
    "embedding.inputs_per_call": 5,
    "gate.min_share_accepted": 0.2,
    "gate.min_share_valid": 0,
}
"""Small limits, so that a few listings meet all of them, and short pauses."""

NAMES = (
    ("Arroz Grado {n} Tucapel 1 kg", "Despensa > Arroz"),
    ("Leche Entera Soprole Serie {n} 1 L", "Lácteos > Leches"),
    ("Notebook Lenovo IdeaPad {n} Intel Core i5-1235U 16GB RAM 512GB SSD", "Notebooks"),
    ("Bebida Cola Andina {n} 500 ml", "Bebidas"),
    ("Smart TV Samsung UN55AU{n} 55 pulgadas 4K UHD", "Televisores"),
)
"""Invented: no shop's listings."""

Listing = Mapping[str, object]
Kind = Literal["kill", "disconnect", "server"]


@dataclass(frozen=True)
class Accident:
    """Something happens to a process from outside.

    Attributes:
        kind: ``kill`` (SIGKILL), ``disconnect`` (all its database connections are lost),
            ``server`` (SIGKILL for the database server, which is started again).
        at: How many boundaries after the accident before it, or the name of a boundary.
        process: Which of the scenario's processes.
    """

    kind: Kind
    at: int | str
    process: int = 0


@dataclass(frozen=True)
class Scenario:
    """One run.

    Attributes:
        name: How to ask for it again (``--only``).
        landing: Which content lands, below ``LANDINGS``.
        settings: Configuration keys that differ from ``DEFAULTS``.
        faults: What the stand-in does wrong.
        accidents: What happens to the processes.
        processes: How many work at once.
        partitions: Those that are looked after, in this order.
        enqueued_limits: Whether the stand-in enforces ``enqueued_tokens``.
        whole: Whether a person selects the whole graph, collect included.
        repeat: Whether everything is materialised again at the end.
        force: A partition that a person then pays again.
    """

    name: str
    landing: int = 0
    settings: Mapping[str, object] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    accidents: tuple[Accident, ...] = ()
    processes: int = 1
    partitions: tuple[Partition, ...] = PARTITIONS
    enqueued_limits: bool = False
    whole: bool = False
    repeat: bool = False
    force: Partition | None = None

    def environment(self) -> dict[str, str]:
        """Returns the settings as the environment variables that set them."""
        return {
            f"NORMALIZER__{key.replace('.', '__').upper()}": str(value)
            for key, value in {**DEFAULTS, **self.settings}.items()
        }

    def describe(self) -> str:
        """Puts it into words."""
        faults = [fault.model_dump(mode="json", exclude_defaults=True) for fault in self.faults]
        parts: list[Any] = [f"landing {self.landing}", dict(self.settings), faults]
        parts += [self.accidents, f"{self.processes} processes"]
        parts += [word for word in ("whole", "repeat", "enqueued_limits") if getattr(self, word)]
        parts += [] if self.force is None else [f"force {self.force.key}"]
        return "; ".join(str(part) for part in parts if part)


# --- what lands ---------------------------------------------------------------------


def listings(landing: int) -> dict[Partition, list[Listing]]:
    """Returns what lands in each partition: shared products, bad rows and duplicates."""
    luck = random.Random(f"landing {landing}")  # noqa: S311 - no secret
    names = [
        (template.format(n=number), category)
        for number in range(landing * 10 + 100, landing * 10 + 105)
        for template, category in NAMES
    ]
    landed = {}
    for place, partition in enumerate(PARTITIONS):
        chosen = luck.sample(names, luck.randint(5, 10))
        rows: list[Listing] = [
            {
                "name": name,
                "category": category,
                "price": 1000 + number,
                "sku": f"P{place}-{number}",
            }
            for number, (name, category) in enumerate(chosen)
        ]
        again = luck.choice(chosen)
        rows.append({"name": again[0], "category": again[1], "price": 5, "sku": f"P{place}-again"})
        rows.append({"name": "", "category": "Despensa", "price": 990, "sku": "nameless"})
        rows.append(dict(rows[0]))
        landed[partition] = rows
    return landed


def land(folder: Path, landing: int) -> None:
    """Writes what lands."""
    for partition, rows in listings(landing).items():
        path = folder / partition.day.isoformat() / f"{partition.retailer}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, ["name", "category", "price", "sku"])
            writer.writeheader()
            writer.writerows(rows)


# --- what goes wrong ----------------------------------------------------------------


@dataclass(frozen=True)
class Course:
    """A run whose boundaries are gone through one by one."""

    settings: Mapping[str, object]
    faults: tuple[Fault, ...]


COURSES = {
    # Canary, two rounds, individual calls, embedding.
    "rounds": Course(
        {"canary.min_products": 8, "canary.size": 3},
        (LineFault(kind="expired", share=0.5, seed=1, times=1),),
    ),
    # Lost replies, adoption, cancelling at the deadline, legacy and rules.
    "trouble": Course(
        {"batching.deadline_hours": 0.0002, "individual.attempts": 1},
        (
            EndpointFault(endpoint="POST /v1/batches", kind="drop_after", times=1),
            EndpointFault(endpoint="POST /v1/chat/completions", kind="drop_after", times=1),
            BatchFault(kind="stuck_in_progress", skip=1, times=1),
            LineFault(kind="http_500", share=0.6, seed=3, sync=True, times=2),
            LineFault(kind="http_500", share=0.2, seed=4, sync=True),
        ),
    ),
    # Two partitions in one batch, which the second one's submission completes.
    "company": Course(
        {
            "batching.accumulate": True,
            "batching.accumulate_products": 11,
            "batching.preferred_lines": 50,
        },
        (LineFault(kind="expired", share=0.5, seed=1, times=1),),
    ),
}


def crashed(course: str, accident: Accident | None = None) -> Scenario:
    """Returns one of the courses, with an accident at one of its boundaries.

    Raises:
        ValueError: There is no such course.
    """
    if course not in COURSES:
        raise ValueError(f"no course {course!r}; expected one of {', '.join(COURSES)}")
    return Scenario(
        name=f"{accident.kind} in {course} at {accident.at}" if accident else f"count {course}",
        settings=COURSES[course].settings,
        faults=COURSES[course].faults,
        accidents=(accident,) if accident else (),
        partitions=PARTITIONS[:2],
    )


def accidents_at(boundaries: Sequence[str]) -> list[Accident]:
    """Returns every kind of accident at every boundary, the rarest boundaries first.

    A killed process looks the same from the third time on at the same boundary; the
    database does not notice files.
    """
    kinds: tuple[tuple[Kind, int], ...] = (
        ("kill", 3),
        ("disconnect", 2),
        ("server", 1),
    )
    return [
        Accident(kind, name)
        for kind, most in kinds
        for name in boundaries
        if int(name.rpartition("#")[2]) <= most
        and (
            kind == "kill"
            or name.startswith(("begin", "commit"), name.rfind(": ") + 2)
            or "/v1/" in name
        )
    ]


def scenario_named(name: str) -> Scenario:
    """Returns the scenario of this name, to play it again.

    Raises:
        ValueError: No scenario has such a name.
    """
    first, _, rest = name.partition(" ")
    if first == "seed" and rest.isdecimal():
        return invented(int(rest))
    if first == "landing" and rest.isdecimal():
        return Scenario(name, int(rest), repeat=True)
    if first in get_args(Kind) and rest.startswith("in "):
        course, _, boundary = rest.removeprefix("in ").partition(" at ")
        return crashed(course, Accident(cast("Kind", first), boundary))
    if first == "count":
        return crashed(rest)
    raise ValueError(
        f"no scenario {name!r}; expected such as `seed 17`, `landing 0` or "
        f"`kill in rounds at <boundary>`"
    )


def invented(seed: int) -> Scenario:
    """Returns the random scenario of a seed."""
    luck = random.Random(f"scenario {seed}")  # noqa: S311 - no secret
    settings: dict[str, object] = {
        "batching.min_products": luck.choice((0, 1, 3, 3, 5, 100)),
        "batching.preferred_lines": luck.choice((2, 4, 6, 50)),
        "embedding.inputs_per_call": luck.choice((1, 3, 100)),
        "individual.attempts": luck.choice((1, 2, 3)),
    }
    faults = [luck.choice(FAMILIES)(luck) for _ in range(luck.choice((0, 1, 1, 2, 2, 3, 5)))]
    if _happens(luck, 0.35):
        settings |= {
            "canary.min_products": luck.choice((2, 5, 8)),
            "canary.size": luck.choice((1, 2, 4)),
        }
    if _happens(luck, 0.15):
        limit = luck.choice(("budget.partition_usd", "budget.day_usd"))
        settings[limit] = luck.choice((0, 0.0005, 0.002, 0.005, 0.01))
    if _happens(luck, 0.15):
        settings |= {"batching.deadline_hours": 0.0003, "batching.second_round_min_hours": 0}
    if _happens(luck, 0.05):
        settings["gate.min_share_accepted"] = 1.0
    # Its own luck: what a seed meant before there was accumulation, it means still.
    company = random.Random(f"company {seed}")  # noqa: S311 - no secret
    if _happens(company, 0.25):
        wanted = company.choice((4, 8, 12, 20, 100))
        settings |= {"batching.accumulate": True, "batching.accumulate_products": wanted}
    room = _happens(luck, 0.06)
    if room:
        settings |= {f"models.{model}.enqueued_tokens": 900 for model in ("gpt-5", "gpt-5-mini")}
    processes = luck.choice((1, 1, 1, 2))
    accidents = [
        Accident(
            luck.choice(("kill", "kill", "kill", "kill", "disconnect", "disconnect", "server")),
            luck.randint(1, 400),
            luck.randrange(processes),
        )
        for _ in range(luck.choice((0, 1, 1, 2, 3, 5)))
    ]
    return Scenario(
        name=f"seed {seed}",
        landing=luck.randrange(LANDINGS),
        settings=settings,
        faults=tuple(faults),
        accidents=tuple(accidents),
        processes=processes,
        enqueued_limits=room,
        whole=_happens(luck, 0.15),
        repeat=_happens(luck, 0.25),
        force=luck.choice(PARTITIONS) if _happens(luck, 0.1) else None,
    )


def _happens(luck: random.Random, share: float) -> bool:
    return luck.random() < share


TOO_MANY = 429
ENDPOINTS: tuple[Endpoint, ...] = (
    "POST /v1/files",
    "POST /v1/batches",
    "POST /v1/batches",
    "GET /v1/batches",
    "GET /v1/files/{id}/content",
    "GET /v1/files/{id}/content",
    "GET /v1/files/{id}",
    "POST /v1/chat/completions",
    "POST /v1/chat/completions",
    "POST /v1/chat/completions",
    "POST /v1/embeddings",
    "POST /v1/embeddings",
    "GET /v1/models",
    "POST /v1/batches/{id}/cancel",
    "GET /v1/batches/{id}",
)


def _endpoint_fault(luck: random.Random) -> Fault:
    endpoint = luck.choice(ENDPOINTS)
    kinds = ["drop_before", "drop_after", "status", "status", "status_after", "slow"]
    kinds += ["truncated", "not_json"]
    kinds += ["cut_file"] if endpoint.endswith("content") else []
    kind = luck.choice(kinds)
    status = luck.choice((429, 429, 500, 502, 503))
    code = luck.choice((None, None, "insufficient_quota")) if status == TOO_MANY else None
    if kind == "status" and _happens(luck, 0.15):
        status, code = luck.choice((401, 403)), None
    if kind == "status_after":
        # With 500 and 503 the API says of a call that it did nothing; a gateway's 502
        # may hide a reply.
        status, code = 502, None
    return EndpointFault(
        endpoint=endpoint,
        kind=kind,
        status=status,
        code=code,
        retry_after=0.01 if (kind, status) == ("status", TOO_MANY) else None,
        seconds=0.05,
        skip=luck.randint(0, 4),
        times=luck.randint(1, 4),
    )


def _line_fault(luck: random.Random) -> Fault:
    kind = luck.choice(get_args(LineKind))
    alone = kind in (*IN_FILES_ONLY, "body_error")
    return LineFault(
        kind=kind,
        share=luck.choice((0.1, 0.3, 0.6, 1.0)),
        seed=luck.randint(0, 99),
        sync=not alone and _happens(luck, 0.5),
        below_tokens=luck.choice((1800, NEVER_REACHED)),
        times=luck.choice((1, 1, 2, None)),
    )


def _batch_fault(luck: random.Random) -> Fault:
    kind = luck.choice(
        (
            *("fail_validation", "fail_validation", "expire_at_share", "hidden_from_list"),
            *("stuck_in_progress", "stuck_finalizing", "stuck_cancelling"),
            *("all_lines_fail", "empty_error_id", "usage_null"),
        )
    )
    return BatchFault(
        kind=kind,
        code=luck.choice(("token_limit_exceeded", "token_limit_exceeded", "invalid_json_line")),
        share=luck.choice((0.0, 0.5, 0.9)),
        # Shorter than the pause between the two looks after a lost reply.
        seconds=0.03,
        skip=luck.randint(0, 2),
        times=luck.randint(1, 2),
    )


FAMILIES: tuple[Callable[[random.Random], Fault], ...] = (
    _endpoint_fault,
    _endpoint_fault,
    _line_fault,
    _batch_fault,
)
