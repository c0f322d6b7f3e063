"""`normalizer calibrate router`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from normalizer_assets.config import DEFAULT_CONFIG_FILE, load_config
from normalizer_assets_tests.cli.conftest import Typed

SHIPPED = (Path(__file__).parents[2] / DEFAULT_CONFIG_FILE).read_text(encoding="utf-8")

SIMPLE = [("Leche Entera {} ml", "Leches"), ("Arroz Grado {} 1 kg", "Despensa")]
COMPLEX = [("Notebook HP {} Intel Core i5 8GB 512GB SSD", "Notebooks")]


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file of the test's own, with its folders beside it."""
    file = tmp_path / "my.toml"
    file.write_text(SHIPPED, encoding="utf-8")
    monkeypatch.setenv("NORMALIZER_CONFIG", str(file))
    return file


def csv(path: Path, *kinds: tuple[str, str], count: int = 100) -> Path:
    """Writes listings of these kinds in turn."""
    lines = ["name,category,price,sku"]
    for number in range(count):
        name, category = kinds[number % len(kinds)]
        lines.append(f"{name.format(number)},{category},{1000 + 10 * number},{number}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def listings(tmp_path: Path) -> Path:
    """A hundred listings, a quarter of them notebooks."""
    return csv(tmp_path / "mine.csv", *SIMPLE, SIMPLE[0], *COMPLEX)


@pytest.fixture
def outcomes(tmp_path: Path) -> Path:
    """Outcomes in which full helps where a name has technical terms, however long it is."""
    lines = []
    for number in range(400):
        words = "Ryzen RTX NVMe Gen4" if number % 4 == 0 else "Gris Claro Serie Nueva"
        line = {
            "name": f"Estuche {words} " + "muy lindo " * (number % 7),
            "category": "Accesorios",
            "price": 1000 + 37 * number % 900,
            "retailer": "paris",
            "family": f"family {number}",
            "mini_right": number % 4 != 0,
            "full_right": number % 11 != 0,
        }
        lines.append(json.dumps(line))
    file = tmp_path / "outcomes.ndjson"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def calibrated(typed: Typed, *words: str) -> dict[str, Any]:
    said = typed("calibrate", "router", *words, "--json")
    assert (said.code, said.err) == (0, "")
    report: dict[str, Any] = json.loads(said.out)
    return report


def test_a_share_of_full_is_reached_and_shown_and_nothing_is_written(
    typed: Typed, listings: Path, file: Path
) -> None:
    words = ("--listings", str(listings), "--full-share", "0.16")
    report = calibrated(typed, *words)
    assert (report["listings"], report["written_to"]) == (100, None)
    assert report["reached"]["full_share"] == 0.16
    assert report["before"]["full"] == 0.25
    assert report["before"]["by_group"]["notebooks"]["full"] == 1
    assert report["after"]["by_group"]["notebooks"]["full"] == 0.64
    assert report["after"]["by_group"]["dairy"]["simple"] == 1
    assert len(report["after"]["score_deciles"]) == 11
    assert report["before"]["usd_per_1000"] > report["after"]["usd_per_1000"] > 0
    assert set(report["settings"]) == {"router.medium_from", "router.complex_from"}
    assert "no retailer's own share of full is written" in report["notes"][0]
    assert calibrated(typed, *words) == report
    assert file.read_text(encoding="utf-8") == SHIPPED

    said = typed("calibrate", "router", *words)
    assert said.code == 0
    assert "notebooks" in said.out
    assert "reached: 16.00% at full" in said.out
    assert f"--write puts this into {file}; nothing is changed:\n[router]\n" in said.out
    assert f"complex_from = {report['settings']['router.complex_from']}" in said.out


def test_what_is_written_is_loaded_again_and_routes_so(
    typed: Typed, listings: Path, file: Path
) -> None:
    words = ("--listings", str(listings), "--full-share", "0.16")
    report = calibrated(typed, *words, "--simple-share", "0.5", "--write")
    assert report["written_to"] == str(file)
    router = load_config().router
    settings = report["settings"]
    assert router.complex_from == settings["router.complex_from"]
    assert router.medium_from == settings["router.medium_from"]
    assert report["after"]["simple"] <= 0.5
    again = calibrated(typed, *words)
    assert again["before"] == report["after"] == again["after"]
    comments = [line for line in SHIPPED.splitlines() if line.lstrip().startswith("#")]
    assert [
        line for line in file.read_text("utf-8").splitlines() if line.lstrip().startswith("#")
    ] == comments


def test_a_cost_is_met(typed: Typed, listings: Path) -> None:
    words = ("--listings", str(listings), "--usd-per-1000")
    all_mini = calibrated(typed, "--listings", str(listings), "--full-share", "0")
    some = calibrated(typed, "--listings", str(listings), "--full-share", "0.1")
    cost = some["reached"]["usd_per_1000"]
    assert cost > all_mini["reached"]["usd_per_1000"]
    found = calibrated(typed, *words, f"{cost + 1e-5:.5f}")
    assert found["reached"]["usd_per_1000"] <= cost + 1e-5
    assert found["reached"]["full_share"] == 0.1
    said = typed("calibrate", "router", *words, "0.001")
    assert said.code == 1
    assert "1,000 of these listings cost at least" in said.err


def test_landed_partitions_of_some_or_all_retailers_are_traffic(
    typed: Typed, tmp_path: Path
) -> None:
    day = tmp_path / "data" / "landing" / "2024-10-01"
    csv(day / "jumbo.csv", *SIMPLE, count=30)
    csv(day / "pcfactory.csv", *COMPLEX, count=20)
    words = ("--day", "2024-10-01", "--full-share", "0.2")
    report = calibrated(typed, *words)
    assert report["listings"] == 50
    assert report["after"]["by_retailer"]["jumbo"]["full"] == 0
    assert report["after"]["by_retailer"]["pcfactory"]["full"] == 0.5
    assert report["settings"]["router.full_shares"] == {"jumbo": 0, "pcfactory": 0.5}
    assert report["notes"] == []
    one = calibrated(typed, *words, "--retailer", "jumbo")
    assert (one["listings"], one["reached"]["full_share"]) == (30, 0.2)
    said = typed("calibrate", "router", "--day", "2024-10-02", "--full-share", "0.2")
    assert said.code == 1
    assert "nothing has landed for 2024-10-02" in said.err


def test_each_retailers_own_share_is_written_and_replaces_those_of_before(
    typed: Typed, tmp_path: Path, file: Path
) -> None:
    day = tmp_path / "data" / "landing" / "2024-10-01"
    csv(day / "jumbo.csv", *SIMPLE, count=30)
    csv(day / "pcfactory.csv", *COMPLEX, count=20)
    words = ("--day", "2024-10-01", "--full-share", "0.2", "--write")
    calibrated(typed, *words)
    assert load_config().router.full_shares == {"jumbo": 0, "pcfactory": 0.5}
    said = typed("calibrate", "router", *words, "--retailer", "jumbo")
    assert "[router.full_shares]\njumbo = 0.2\n" in said.out
    assert load_config().router.full_shares == {"jumbo": 0.2}
    # Thresholds from elsewhere: what was true of those before is not kept.
    calibrated(typed, "--listings", str(day / "pcfactory.csv"), "--full-share", "0.1", "--write")
    assert load_config().router.full_shares == {}
    assert file.read_text(encoding="utf-8").count("full_shares]") == 1


def test_a_file_says_the_shares_of_the_retailers_that_it_names(
    typed: Typed, tmp_path: Path
) -> None:
    file = tmp_path / "mine.csv"
    rows = [f"Notebook HP {number} i5 8GB 512GB SSD,Notebooks,99990" for number in range(4)]
    shops = ["PCFactory", "pcfactory", "La Polar", ""]
    lines = [f"{row},{shop}" for row, shop in zip(rows, shops, strict=True)]
    file.write_text("\n".join(["name,category,price,retailer", *lines]), encoding="utf-8")
    report = calibrated(typed, "--listings", str(file), "--full-share", "1")
    assert report["settings"]["router.full_shares"] == {"la_polar": 1, "pcfactory": 1}
    assert report["notes"] == []
    file.write_text(file.read_text("utf-8").replace("La Polar", "Almacén Rosa"), encoding="utf-8")
    said = typed("calibrate", "router", "--listings", str(file), "--full-share", "1", "--write")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "names 'Almacén Rosa', which is not configured" in said.err
    assert load_config().router.full_shares == {}


def test_a_variable_that_hides_what_is_written_is_told(
    typed: Typed, listings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORMALIZER__ROUTER__COMPLEX_FROM", "0.9")
    said = typed("calibrate", "router", "--listings", str(listings), "--full-share", "0.16")
    assert "note: NORMALIZER__ROUTER__COMPLEX_FROM is set in the environment" in said.out


def test_outcomes_fit_weights_that_are_judged_on_the_other_half(
    typed: Typed, outcomes: Path, file: Path
) -> None:
    report = calibrated(typed, "--outcomes", str(outcomes), "--full-share", "0.3", "--write")
    weights: Mapping[str, float] = load_config().router.weights.model_dump()
    assert max(weights, key=lambda name: weights[name]) == "technical_terms"
    assert report["settings"]["router.weights.price"] == weights["price"]
    assert report["reached"]["full_share"] <= 0.3
    # Outcomes are a sample of traffic: a retailer's share of them is not that of its days.
    assert load_config().router.full_shares == {}
    assert any("no retailer's own share of full is written" in note for note in report["notes"])
    judged = report["outcomes"]
    assert judged["fitted_on"] + judged["held_back"] == judged["outcomes"] == 400
    apgr = judged["apgr"]
    assert apgr["oracle"] >= apgr["fitted"] > max(apgr["random"], apgr["length"])
    assert [point["full_share"] for point in judged["curve"]] == [one / 20 for one in range(21)]
    assert judged["all_full"]["usd_per_1000"] > judged["all_mini"]["usd_per_1000"]
    assert set(judged["apgr_without"]) == set(weights)

    file.write_text(SHIPPED, encoding="utf-8")
    said = typed("calibrate", "router", "--outcomes", str(outcomes), "--full-share", "0.3")
    assert said.code == 0
    for words in ("fitted, without price", "calibrated router:", "[router.weights]", "oracle"):
        assert words in said.out


def test_outcomes_beside_other_traffic_set_weights_but_not_thresholds(
    typed: Typed, outcomes: Path, listings: Path
) -> None:
    words = ("--outcomes", str(outcomes), "--full-share", "0.16")
    alone = calibrated(typed, *words)
    report = calibrated(typed, *words, "--listings", str(listings))
    weights = {key: one for key, one in report["settings"].items() if "weights" in key}
    assert weights == {key: one for key, one in alone["settings"].items() if "weights" in key}
    assert (alone["listings"], report["listings"]) == (400, 100)
    assert report["reached"]["full_share"] <= 0.16
    assert report["settings"] != alone["settings"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--full-share", "0.1"), "give the traffic"),
        (("--day", "2024-10-01"), "--full-share or --usd-per-1000"),
        (
            ("--day", "2024-10-01", "--full-share", "0.1", "--usd-per-1000", "1"),
            "--full-share or --usd-per-1000",
        ),
        (("--day", "2024-10-01", "--full-share", "1.1"), "--full-share"),
        (("--day", "2024-10-01", "--usd-per-1000", "0"), "--usd-per-1000"),
        (("--day", "2024-13-01", "--full-share", "0.1"), "2024-13-01"),
        (("--day", "2024-10-01", "--retailer", "nobody", "--full-share", "0.1"), "nobody"),
        (("--listings", "LISTINGS", "--retailer", "jumbo", "--full-share", "0.1"), "--retailer"),
        (("--listings", "LISTINGS", "--day", "2024-10-01", "--full-share", "0.1"), "not both"),
        (("--listings", "none.csv", "--full-share", "0.1"), "none.csv"),
        (("--listings", "LISTINGS", "--full-share", "0.6", "--simple-share", "0.6"), "more than 1"),
    ],
)
def test_options_that_say_too_little_or_too_much_are_usage_errors(
    typed: Typed, listings: Path, words: tuple[str, ...], says: str
) -> None:
    words = tuple(str(listings) if word == "LISTINGS" else word for word in words)
    said = typed("calibrate", "router", *words)
    assert (said.code, said.out) == (2, "")
    assert says in said.err


def test_files_that_cannot_be_used_are_one_clear_line_and_nothing_is_written(
    typed: Typed, tmp_path: Path, file: Path
) -> None:
    bad = tmp_path / "bad.ndjson"
    for option, text, says in (
        ("--outcomes", '{"name": "Té"}\n', "line 1: mini_right"),
        ("--outcomes", '{"name": "Té", "mini_right": true, "full_right": true}\n', "1 outcomes"),
        ("--listings", '{"titulo": "Té"}\n', "no column 'name'"),
        ("--listings", "", "holds no listing"),
    ):
        bad.write_text(text, encoding="utf-8")
        said = typed("calibrate", "router", option, str(bad), "--full-share", "0.1", "--write")
        assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
        assert says in said.err
    assert file.read_text(encoding="utf-8") == SHIPPED
