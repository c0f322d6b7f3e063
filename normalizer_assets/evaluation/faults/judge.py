"""What must hold after every run, from the journal against the database.

Belongs here: the rules of issue 3 ("Judged after every run"), and what may differ with a
cause. Does not belong here: running anything; no Polars (``world``).
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from normalizer_assets.answers.parsing import parse_content
from normalizer_assets.answers.schemas import UnusableAnswer
from normalizer_assets.evaluation.faults.scenarios import listings
from normalizer_assets.evaluation.faults.world import Run

Row = dict[str, Any]
Table = dict[str, Row]
"""Final rows by ``day|retailer|sku``."""

COMPARED = ("brand", "model", "attributes", "normalized_name", "category_suggestion", "status")
HIDING = ("missing", "altered_id")
"""Line faults that keep a billed answer from arriving."""
UNKNOWN = "outcome_unknown"
ENDED = ("published", "held", "failed")


@dataclass
class Verdict:
    """What the judge found.

    Attributes:
        violations: Rules that were broken, in words.
        counts: What happened, for the sums of a campaign.
        table: The final rows.
    """

    violations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    table: Table = field(default_factory=dict)


def judge(run: Run, reference: Mapping[str, Row] | None) -> Verdict:
    """Judges a run.

    Args:
        run: What it left.
        reference: The final table of a run without faults; ``None`` for that run itself.
    """
    url = run.database.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, row_factory=dict_row) as connection:
        case = _Case(run, connection)
    verdict = Verdict(table=case.table, counts=case.counts())
    found = {rule: list(check(case)) for rule, check in RULES.items()}
    found["has no end"] = [run.unfinished] if run.unfinished else []
    if reference is not None:
        found["differs from a run without faults"] = case.differences(reference, verdict.counts)
    for rule, violations in found.items():
        verdict.counts[f"VIOLATIONS: {rule}"] += len(violations)
        verdict.violations += [f"{rule}: {violation}" for violation in violations]
    return verdict


class _Case:
    """Journal and database, side by side."""

    def __init__(self, run: Run, connection: psycopg.Connection[Row]) -> None:
        def rows(query: str) -> list[Row]:
            return connection.execute(query).fetchall()

        self.run = run
        self.partitions = rows("select * from normalizer.partitions where raw_count is not null")
        self.questions = rows("select * from normalizer.partition_questions")
        self.batches = {row["batch_id"]: row for row in rows("select * from normalizer.batches")}
        self.answered = {row["request_id"] for row in rows("select * from normalizer.answers")}
        products = rows("select * from normalizer.normalized_products")
        self.table = {f"{row['day']}|{row['retailer']}|{row['sku']}": row for row in products}
        self.requests = {
            row["request_id"]: row
            for row in rows(
                "select r.*, b.batch_id from normalizer.batch_requests r "
                "left join normalizer.batches b using (shard_hash)"
            )
        }
        self.by_line = {
            (row["batch_id"], row["custom_id"]): row
            for row in self.requests.values()
            if row["batch_id"]
        }
        self.lines = [entry for entry in run.journal if entry["kind"] == "line"]
        self.calls = [entry for entry in run.journal if entry["kind"] == "call"]
        self.billed = [call for call in self.calls if Decimal(call["billed_usd"])]
        self.errors = _notes(run)
        self._paid_beside: set[str] = set()

    # --- the rules ------------------------------------------------------------------

    def defects(self) -> Iterator[str]:
        """Errors that neither API nor database explain."""
        seen = set()
        for error in self.errors:
            if not error["expected"] and error["type"] not in seen:
                seen.add(error["type"])
                yield f"defect in {error['step']}: {error['trace']}"

    def lost_listings(self) -> Iterator[str]:
        """Each listing is in exactly one place."""
        landed = listings(self.run.scenario.landing)
        counted = {(row["day"], row["retailer"]): row for row in self.partitions}
        for partition in self.run.scenario.partitions:
            row = counted.get((partition.day, partition.retailer))
            if row is None:
                yield f"{partition.key} has never landed"
                continue
            if row["raw_count"] != len(landed[partition]):
                yield f"{partition.key}: {row['raw_count']} of {len(landed[partition])} rows landed"
            if row["normalized_count"] is None:
                if row["state"] == "published":
                    yield f"{partition.key} is published without products"
                continue
            there = sum(key.startswith(f"{partition.key}|") for key in self.table)
            parts = (there, row["quarantined_count"], row["collapsed_count"])
            if sum(parts) != row["raw_count"]:
                yield f"{partition.key}: {row['raw_count']} rows landed, {parts} are there"

    def unsettled(self) -> Iterator[str]:
        """Nothing is left open once every partition has its end."""
        if self.run.unfinished:
            return
        ends = {(row["day"], row["retailer"]): row["state"] for row in self.partitions}
        for (day, retailer), state in ends.items():
            if state not in ENDED:
                yield f"{day}|{retailer} is {state}"
        for row in self.requests.values():
            published = ends[row["day"], row["retailer"]] == "published"
            if published and row["state"] in ("planned", "sent", "received"):
                yield f"request {row['request_id']} ({row['step']}) is {row['state']} for ever"
        for row in self.questions:
            if row["state"] == "open" and ends[row["day"], row["retailer"]] == "published":
                yield f"{row['day']}|{row['retailer']} leaves {row['question_key']} open"

    def batches_bought_twice(self) -> Iterator[str]:
        """One batch a shard, one execution a line."""
        created = [entry for entry in self.run.journal if entry["kind"] == "batch"]
        for shard, count in Counter(entry["shard"] for entry in created).items():
            if count > 1:
                yield f"shard {shard} was created {count} times"
        for entry in created:
            if entry["batch_id"] not in self.batches:
                yield f"{entry['batch_id']} (shard {entry['shard']}) is not in the ledger"
        for custom_id, count in Counter(line["custom_id"] for line in self.lines).items():
            if count > 1:
                yield f"line {custom_id} was executed {count} times"

    def questions_bought_twice(self) -> Iterator[str]:
        """No question has two answers that were paid for, but where a person forced it.

        An answer of mini may have a second opinion of full, one.
        """
        bought: defaultdict[str, list[Row]] = defaultdict(list)
        for row in self.requests.values():
            if row["state"] == "ok" and row["question_key"] is not None:
                bought[row["question_key"]].append(row)
        for key, rows in bought.items():
            allowed = 2 if any(map(self._is_forced, rows)) else 1
            second = sum(_is_second_opinion(row, rows) for row in rows)
            most = max(second, len(rows) - second)
            if most > allowed and not self._turn_was_lost(rows):
                told = [(row["custom_id"], row["step"], row["retailer"]) for row in rows]
                yield f"question {key} has {len(rows)} paid answers: {told}"

    def calls_billed_twice(self) -> Iterator[str]:
        """A body is billed again only where the reply before was lost."""
        groups: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for call in self.billed:
            row = self._request(call)
            if row is None:
                yield f"a call of {call['endpoint']} is not in the ledger: {call}"
                continue
            groups[call["body_hash"], row["day"], row["retailer"]].append(row)
        for (body, *_), rows in groups.items():
            states = [row["state"] for row in rows]
            turns = 2 if any(map(self._is_forced, rows)) else 1
            if len(rows) > 2 * turns:
                yield f"body {body} was billed {len(rows)} times: {states}"
            known = [state for state in states[:-1] if state != UNKNOWN]
            if len(known) >= turns and not self._turn_was_lost(rows):
                yield f"body {body} was billed again after {states}"

    def unstored_answers(self) -> Iterator[str]:
        """Every billed answer that arrived is stored."""
        for line in self.lines:
            row = self.by_line.get((line["batch_id"], line["custom_id"]))
            if row is None:
                yield f"line {line['custom_id']} of {line['batch_id']} is not in the ledger"
            elif _is_usable(line) and line["fault"] not in HIDING and not self._has_answer(row):
                yield (
                    f"line {line['custom_id']} has an answer that is not stored "
                    f"({row['state']}: {row['reason']})"
                )
        for call in self.billed:
            row = self._request(call)
            known = row is not None and row["state"] != UNKNOWN and not call["reply_lost"]
            if row and known and _is_usable(call) and not self._has_answer(row):
                yield f"call {row['custom_id']} has an answer that is not stored ({row['state']})"

    def unexplained(self) -> Iterator[str]:
        """A reply that arrived is unknown only where its caller, or the database, was lost."""
        lost = [
            row["custom_id"]
            for call in self.billed
            if (row := self._request(call)) and row["state"] == UNKNOWN and not call["reply_lost"]
        ]
        if len(lost) > len(self.run.accidents):
            yield f"{len(lost)} replies arrived and are unknown: {lost[:3]}"

    def wrong_costs(self) -> Iterator[str]:
        """The ledger's cost is the journal's, but where the outcome is unknown."""
        billed: defaultdict[int, Decimal] = defaultdict(Decimal)
        for call in self.billed:
            if (row := self._request(call)) is not None:
                billed[row["request_id"]] += Decimal(call["billed_usd"])
        for row in self.requests.values():
            if row["step"] == "batch" or row["state"] in (UNKNOWN, "planned", "sent", "received"):
                continue
            if row["cost_usd"] != billed[row["request_id"]]:
                told = f"request {row['custom_id']} ({row['state']})"
                cost = billed[row["request_id"]]
                yield f"{told} cost {cost}, the ledger says {row['cost_usd']}"
        for batch_id, batch in self.batches.items():
            if batch_id is None or batch["harvested_at"] is None:
                continue
            rows = [row for row in self.requests.values() if row["batch_id"] == batch_id]
            if batch["usage"] is None and any(row["state"] == "missing" for row in rows):
                continue
            truth = sum(
                (
                    Decimal(line["billed_usd"])
                    for line in self.lines
                    if line["batch_id"] == batch_id
                ),
                Decimal(0),
            )
            said = sum((row["cost_usd"] for row in rows), Decimal(0)) + batch["unplaced_usd"]
            if said != truth:
                yield f"{batch_id} cost {truth}, the ledger says {said}"

    def changed_by_repeating(self) -> Iterator[str]:
        """Materialising published partitions again asks nothing and changes nothing."""
        newest = {
            f"{row['day']}|{row['retailer']}": row["newest_version"] for row in self.partitions
        }
        for key, version in (self.run.versions or {}).items():
            # After ``force`` there is a newer answer, which others take in.
            if newest.get(key) != version and self.run.scenario.force is None:
                yield f"materialising {key} again made version {newest.get(key)} of {version}"
        asked = [entry for entry in self.run.journal[self.run.settled :] if self._asks(entry)]
        if asked:
            yield f"materialising again asked {len(asked)} times: {asked[0]}"

    def differences(self, reference: Mapping[str, Row], counts: Counter[str]) -> list[str]:
        """Compares the final table with that of a run without faults."""
        complete = {
            (row["day"], row["retailer"])
            for row in self.partitions
            if row["normalized_count"] is not None
        }
        wanted = {
            key for key, row in reference.items() if (row["day"], row["retailer"]) in complete
        }
        found = []
        if wanted != set(self.table):
            found.append(f"rows differ: {sorted(wanted ^ set(self.table))[:5]}")
        for key in wanted & set(self.table):
            row, other = self.table[key], reference[key]
            if row["llm_model"] != other["llm_model"]:
                counts[f"rows answered by {row['answered_by']} instead"] += 1
                continue
            different = [name for name in COMPARED if row[name] != other[name]]
            if different:
                told = {name: (row[name], other[name]) for name in different}
                found.append(f"{key} ({row['answered_by']}, {other['answered_by']}): {told}")
            counts["rows equal"] += not different
        return found

    # --- looking up -----------------------------------------------------------------

    def counts(self) -> Counter[str]:
        """Counts what happened."""
        counts = Counter(f"partitions {row['state']}" for row in self.partitions)
        counts += Counter(
            f"requests {row['state']}"
            for row in self.requests.values()
            if row["state"] in (UNKNOWN, "missing")
        )
        counts += Counter(f"executed: {entry['kind']}" for entry in self.run.journal)
        counts += Counter(f"failed runs: {error['type']}" for error in self.errors)
        return counts

    def _request(self, call: Row) -> Row | None:
        number = call["client_request_id"]
        return self.requests.get(int(number)) if number and number.isdecimal() else None

    def _has_answer(self, row: Row) -> bool:
        return row["state"] == "ok" and row["request_id"] in self.answered

    def _is_forced(self, row: Row) -> bool:
        force = self.run.scenario.force
        return force is not None and (row["day"], row["retailer"]) == (force.day, force.retailer)

    def _turn_was_lost(self, rows: list[Row]) -> bool:
        """Whether a process may have lost its turn while its call was under way.

        It keeps the reply that arrives, but who takes over cannot know that it will, and
        asks once more: the same as a killed caller.
        """
        self._paid_beside.add(rows[0]["custom_id"])
        lost = sum(accident.kind != "kill" for accident in self.run.accidents)
        same = {(row["day"], row["retailer"], row["step"]) for row in rows}
        return len(self._paid_beside) <= lost and len(same) == 1 and rows[0]["step"] != "batch"

    def _asks(self, entry: Row) -> bool:
        return entry["kind"] == "batch" or entry.get("endpoint") == "/v1/chat/completions"


RULES: dict[str, Callable[[_Case], Iterator[str]]] = {
    "defect": _Case.defects,
    "lost listing": _Case.lost_listings,
    "left open": _Case.unsettled,
    "batch or line paid twice": _Case.batches_bought_twice,
    "question paid twice": _Case.questions_bought_twice,
    "call paid twice": _Case.calls_billed_twice,
    "answer not stored": _Case.unstored_answers,
    "reply unknown without a cause": _Case.unexplained,
    "cost differs from the journal": _Case.wrong_costs,
    "materialising again is not without effect": _Case.changed_by_repeating,
}


def _is_second_opinion(row: Row, answered: Sequence[Row]) -> bool:
    """Whether full was asked after mini had answered the same question, for one partition."""
    return row["tier"] == "full" and any(
        (first["tier"], first["day"], first["retailer"]) == ("mini", row["day"], row["retailer"])
        and first["request_id"] < row["request_id"]
        for first in answered
    )


def _is_usable(entry: Row) -> bool:
    """Whether an executed request has an answer that can be used."""
    if entry["status"] != 200 or not entry["content"]:  # noqa: PLR2004
        return False
    try:
        parse_content(entry["content"])
    except UnusableAnswer:
        return False
    return True


def _notes(run: Run) -> list[Row]:
    file = run.folder / "marks" / "errors.ndjson"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
