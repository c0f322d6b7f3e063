"""`normalizer run`: exit codes, summary, and nothing paid twice."""

import io
import json
from datetime import date

import pytest

from normalizer_assets.batching import life
from normalizer_assets.batching.partition import Partition
from normalizer_assets.standin.faults import EndpointFault, LineFault
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.cli.conftest import Typed
from normalizer_assets_tests.scene import Scene, invented

WORDS = ("run", "--day", "2024-10-01", "--retailer", "lider")


@pytest.mark.slow
def test_run_and_wait_ends_with_the_summary(scene: Scene, typed: Typed) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    said = typed(*WORDS, "--wait")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "2024-10-01|lider: published"
    for line, start in zip(
        lines[1:],
        (
            "  products processed  12 (batch ",
            "  quarantined         0, collapsed duplicates 0",
            "  batches created     2",
            "  estimated cost      0.0",
            "  actual cost         0.0",
            "  processing time     ",
            "  success rate        100.00%",
            "  Answered by the stand-in",
        ),
        strict=True,
    ):
        assert line.startswith(start)


@pytest.mark.slow
def test_the_second_time_nothing_is_paid(scene: Scene, typed: Typed) -> None:
    scene.land(invented(6))
    first = typed(*WORDS, "--wait", "--json")
    paid = scene.rows("select * from normalizer.batch_requests order by request_id")
    second = typed(*WORDS, "--wait", "--json")
    assert (first.code, second.code) == (0, 0)
    assert scene.rows("select * from normalizer.batch_requests order by request_id") == paid
    figures = [json.loads(said.out) for said in (first, second)]
    for each in figures:
        del each["processing_seconds"]
    assert figures[0] == figures[1]


def test_json_has_the_figures(scene: Scene, typed: Typed) -> None:
    scene.land(invented(6))
    figures = json.loads(typed(*WORDS, "--wait", "--json").out)
    assert figures["state"] == "published"
    assert figures["day"] == "2024-10-01"
    assert figures["retailer"] == "lider"
    assert figures["products_processed"] == 6
    assert figures["batches_created"] == 0
    assert figures["estimated_cost_usd"] > 0
    assert figures["actual_cost_usd"] > 0
    assert figures["processing_seconds"] > 0
    assert figures["success_rate"] == 1.0
    assert figures["answered_by"]["individual"] == 6
    assert figures["answers_from"] == "standin"


@pytest.mark.slow
@pytest.mark.parametrize("standin_settings", [StandinSettings(batch_seconds=1)])
def test_without_wait_it_returns_when_the_batches_are_sent(scene: Scene, typed: Typed) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    said = typed(*WORDS)
    assert said.code == 0
    assert said.out.startswith("2024-10-01|lider: waiting\n")
    assert "none yet" in said.out
    assert typed(*WORDS, "--wait").code == 0
    assert scene.scalar("select count(*) from normalizer.batches") == 2


def test_a_held_partition_is_exit_code_3(scene: Scene, typed: Typed) -> None:
    scene.set(CONFIDENCE__THRESHOLD="1")
    scene.land(invented(6))
    said = typed(*WORDS, "--wait")
    assert said.code == 3
    assert said.out.startswith("2024-10-01|lider: held (")
    assert "0.0% of the rows are accepted, under 70.0%" in said.out
    scene.set(CONFIDENCE__THRESHOLD="0.5")
    assert typed(*WORDS, "--wait").code == 0


def test_nothing_landed_is_one_clear_line_and_exit_code_1(scene: Scene, typed: Typed) -> None:
    said = typed(*WORDS, "--wait")
    assert said.code == 1
    (line,) = [line for line in said.err.splitlines() if line.startswith("Error: ")]
    assert "nothing has landed for 2024-10-01|lider" in line
    assert scene.config.paths.landing in line
    assert "Traceback" not in said.err


@pytest.mark.slow
def test_a_missing_key_is_one_clear_line_and_nothing_is_lost(scene: Scene, typed: Typed) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    with scene.monkeypatch.context() as patch:
        patch.delenv("OPENAI_API_KEY")
        said = typed(*WORDS, "--wait")
    assert said.code == 1
    (line,) = [line for line in said.err.splitlines() if line.startswith("Error: ")]
    assert line.startswith("Error: ")
    assert "OPENAI_API_KEY is not set; export your key" in line
    assert "Traceback" not in said.err
    assert typed(*WORDS, "--wait").code == 0
    assert scene.scalar("select count(*) from normalizer.batches") == 2


@pytest.mark.slow
def test_blocked_is_exit_code_1_and_goes_on_when_there_is_money(scene: Scene, typed: Typed) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5", BUDGET__PARTITION_USD="0.000001")
    scene.land(invented(12))
    for words in (WORDS, (*WORDS, "--wait")):
        said = typed(*words)
        assert said.code == 1
        (line,) = [line for line in said.err.splitlines() if line.startswith("Error: ")]
        assert line.startswith("Error: 2024-10-01|lider is blocked: over budget: ")
        assert "raise `budget.partition_usd`" in line
        assert said.out.startswith("2024-10-01|lider: landed (blocked: over budget: ")
    assert scene.bought() == []
    scene.set(BUDGET__PARTITION_USD="1")
    assert typed(*WORDS, "--wait").code == 0


@pytest.mark.slow
def test_a_red_canary_is_exit_code_3(scene: Scene, typed: Typed) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5", CANARY__MIN_PRODUCTS="6", CANARY__SIZE="4")
    scene.standin.switch(LineFault(kind="refusal", share=1, sync=True))
    scene.land(invented(12))
    said = typed(*WORDS)
    assert said.code == 3
    assert said.out.startswith("2024-10-01|lider: held (the canary is red: 0 of 4 replies")
    assert scene.scalar("select count(*) from normalizer.batches") == 0
    scene.standin.switch()
    assert typed(*WORDS, "--wait").code == 0


@pytest.mark.slow
def test_force_says_its_price_and_needs_consent(scene: Scene, typed: Typed) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    assert typed(*WORDS, "--wait").code == 0
    paid = scene.bought()
    price = "questions of 2024-10-01|lider are paid again, estimated at 0.0"
    said = typed(*WORDS, "--wait", "--force")
    assert said.code == 1
    assert price in said.err.splitlines()[0]
    assert said.err.endswith("Error: nothing was sent; add --yes to pay this\n")
    assert scene.bought() == paid
    said = typed(*WORDS, "--wait", "--force", "--yes", "--json")
    assert said.code == 0
    assert price in said.err.splitlines()[0]
    assert "12 of 12 questions" in said.err
    assert said.err.splitlines()[0].endswith("USD in batches, second opinions at full apart")
    assert json.loads(said.out)["state"] == "published"
    assert len(scene.bought()) == 2 * len(paid) == 24
    assert typed(*WORDS, "--wait").code == 0
    assert len(scene.bought()) == 24


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_a_person_at_a_terminal_is_asked(
    scene: Scene, typed: Typed, answer: str, code: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    scene.land(invented(3))
    assert typed(*WORDS, "--wait").code == 0
    scene.monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    said = typed(*WORDS, "--wait", "--force")
    assert said.code == code
    assert "3 of 3 questions of 2024-10-01|lider are paid again" in said.err
    assert "Pay this? [y/N]: " in said.err
    assert len(scene.bought()) == (6 if answer == "y" else 3)


def test_force_of_what_did_not_land_is_an_error(scene: Scene, typed: Typed) -> None:
    said = typed(*WORDS, "--force", "--yes")
    assert said.code == 1
    assert "nothing has landed for 2024-10-01|lider" in said.err
    assert f"{scene.config.paths.landing}/2024-10-01/lider." in said.err


def test_a_limit_takes_only_the_first_rows(scene: Scene, typed: Typed) -> None:
    scene.land(invented(20))
    figures = json.loads(typed(*WORDS, "--wait", "--limit", "3", "--json").out)
    assert figures["products_processed"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("min_products", ["0", "100"])
def test_a_larger_limit_pays_only_for_what_is_new(
    scene: Scene, typed: Typed, min_products: str
) -> None:
    scene.set(BATCHING__MIN_PRODUCTS=min_products)
    scene.land(invented(20))
    bought: list[int] = []
    for words in (("--limit", "3"), ("--limit", "9"), (), ("--limit", "3")):
        said = typed(*WORDS, "--wait", "--json", *words)
        assert said.code == 0, said.err
        figures = json.loads(said.out)
        row = scene.row()
        assert figures["state"] == "published"
        assert figures["products_processed"] == row.raw_count == row.normalized_count
        bought.append(len(scene.bought()))
        published = scene.scalar("select count(*) from normalizer.published_products")
        assert published == figures["products_processed"]
    assert bought == [3, 9, 20, 20]
    assert len(set(scene.bought())) == 20


@pytest.mark.slow
def test_a_larger_limit_before_the_first_has_ended_pays_only_for_what_is_new(
    scene: Scene, typed: Typed
) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="0")
    scene.land(invented(20))
    for words in (("--limit", "3"), ("--limit", "9"), ()):
        assert typed(*WORDS, *words).code == 0
    assert typed(*WORDS, "--wait").code == 0
    assert scene.row().normalized_count == 20
    assert len(scene.bought()) == len(set(scene.bought())) == 20


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ("--day", "yesterday", "--retailer", "lider"),
            "'yesterday' is not a day; write YYYY-MM-DD, e.g. 2024-10-01",
        ),
        (
            ("--day", "2024-10-01", "--retailer", "lidr"),
            "'lidr' is not configured; known are falabella, paris,",
        ),
        (
            ("--day", "2020-12-31", "--retailer", "lider"),
            "2020-12-31 is before the first day, 2021-01-01 (key `first_day`)",
        ),
        (("--day", "2999-01-01", "--retailer", "lider"), "2999-01-01 is in the future"),
        (("--retailer", "lider"), "Missing option '--day'"),
        (("--day", "2024-10-01", "--retailer", "lider", "--limit", "0"), "0 is not in the range"),
    ],
)
def test_wrong_words_are_usage_errors(typed: Typed, words: tuple[str, ...], text: str) -> None:
    said = typed("run", *words)
    assert said.code == 2
    assert text in said.err


@pytest.mark.slow
def test_a_taken_partition_is_waited_for(scene: Scene, typed: Typed) -> None:
    import threading

    scene.land(invented(3))
    release, holds = threading.Event(), threading.Event()

    def hold() -> None:
        with life.locked(scene.engine, scene.partition, "run 12345678", 0):
            holds.set()
            release.wait(10)

    other = threading.Thread(target=hold)
    other.start()
    holds.wait(10)
    threading.Timer(2, release.set).start()
    said = typed(*WORDS, "--wait")
    other.join()
    assert said.code == 0
    assert "2024-10-01|lider is being worked on by normalizer run 12345678; waiting" in said.err
    assert scene.partition.day == date(2024, 10, 1)


@pytest.mark.slow
def test_small_shops_of_a_day_share_a_batch_and_a_red_gate_is_one_shops_own(
    scene: Scene, typed: Typed
) -> None:
    scene.set(BATCHING__ACCUMULATE="true", BATCHING__ACCUMULATE_PRODUCTS="15")
    shops = {shop: Partition(date(2024, 10, 1), shop) for shop in ("lider", "jumbo", "paris")}
    for number, partition in enumerate(shops.values()):
        # Groceries alone: one model.
        rows = [row for row in invented(12, number * 100) if "Despensa" in str(row["category"])]
        rows += [row for row in invented(3, number * 100 + 51) if "Lác" in str(row["category"])]
        scene.land(rows, partition)
    for shop in ("lider", "jumbo"):
        said = typed("run", "--day", "2024-10-01", "--retailer", shop)
        assert said.code == 0
        assert "submitted (waits for company: " in said.out
        assert "error" not in said.err
    assert scene.rows("select batch_id from normalizer.batches where batch_id is not null") == []
    assert "gathers" in typed("batches", "list").out
    codes = {}
    for shop in ("paris", "jumbo", "lider"):
        scene.set(GATE__MIN_SHARE_ACCEPTED="1.0" if shop == "jumbo" else "0.0")
        scene.set(CONFIDENCE__THRESHOLD="0.999" if shop == "jumbo" else "0.5")
        codes[shop] = typed("run", "--day", "2024-10-01", "--retailer", shop, "--wait").code
    assert codes == {"paris": 0, "jumbo": 3, "lider": 0}
    [batch] = scene.rows("select * from normalizer.batches")
    assert batch.line_count == 15
    billed = scene.rows(
        "select retailer, sum(cost_usd) as usd from normalizer.batch_requests "
        "where shard_hash is not null group by retailer order by retailer"
    )
    shown = scene.rows(
        "select retailer, count(*) as rows, sum(cost_usd) as usd "
        "from normalizer.normalized_products where batch_id is not null "
        "group by retailer order by retailer"
    )
    assert [(row.retailer, row.rows) for row in shown] == [(shop, 5) for shop in sorted(shops)]
    assert [row.usd for row in shown] == [row.usd for row in billed]


@pytest.mark.slow
def test_a_look_that_fails_is_told_once_and_repeated(scene: Scene, typed: Typed) -> None:
    scene.set(BATCHING__MIN_PRODUCTS="5")
    scene.land(invented(12))
    scene.standin.switch(
        EndpointFault(endpoint="GET /v1/batches", kind="status", status=404, times=2, skip=1)
    )
    said = typed(*WORDS, "--wait")
    assert said.code == 0
    assert said.err.count("the list of batches could not be read, the next look tries again") == 1


@pytest.mark.slow
def test_figures_after_an_error_are_said_to_be_from_before(scene: Scene, typed: Typed) -> None:
    file = scene.land(invented(3))
    scene.publish()
    file.unlink()
    said = typed(*WORDS, "--wait")
    assert said.code == 1
    assert "this run changed nothing; what follows is from before" in said.err
    assert "published" in said.out
