"""`normalizer cache`, as people type it."""

import json
from pathlib import Path

import pytest

from normalizer_assets_tests.cli.conftest import Typed
from normalizer_assets_tests.scene import Scene, invented

pytestmark = pytest.mark.slow

KNOWN = {
    "name": "Smartphone Samsung Galaxy A35 5G 128GB Negro",
    "category": "Celulares",
    "gold": {
        "brand": "SAMSUNG",
        "model": "Galaxy A35",
        "attributes": {"capacity": "128GB", "color": "negro"},
    },
}
LIKE = ("Celular Samsung Galaxy A35 5G 128 GB Negro", "--category", "Smartphones")


@pytest.fixture
def warmed(scene: Scene, typed: Typed, tmp_path: Path) -> Scene:
    """A cache that one known product was entered into."""
    file = tmp_path / "known.ndjson"
    file.write_text(json.dumps(KNOWN) + "\n", encoding="utf-8")
    said = typed("cache", "warm", "--products", str(file), "--json")
    assert json.loads(said.out)["entries"] == 1
    assert json.loads(typed("cache", "warm", "--products", str(file), "--json").out) == {
        "entries": 0, "tokens": 0, "cost_usd": 0.0, "left": 0, "changed": 0,
    }  # fmt: skip
    return scene


@pytest.mark.usefixtures("warmed")
def test_a_known_product_answers_like_ones_and_not_its_variants(typed: Typed) -> None:
    hit = json.loads(typed("cache", "lookup", *LIKE, "--json").out)
    assert hit["tier"] == "semantic"
    assert hit["answer"]["model"] == "Galaxy A35"
    assert hit["neighbours"][0]["similarity"] > 0.7
    exact = json.loads(typed("cache", "lookup", KNOWN["name"], *LIKE[1:], "--json").out)
    assert exact["tier"] == "exact"
    said = typed("cache", "lookup", LIKE[0].replace("128", "256"), *LIKE[1:]).out
    assert "a miss: a model would be asked" in said
    assert "only one of them has: 128gb" in said


def test_a_known_product_serves_a_landed_one(warmed: Scene) -> None:
    warmed.land([{"name": LIKE[0], "category": LIKE[2], "price": 199990, "sku": "1"}])
    assert warmed.submit().success
    warmed.collect()
    columns = "answered_by, cache_tier, model"
    [row] = warmed.rows(f"select {columns} from normalizer.normalized_products")
    assert tuple(row) == ("cache", "semantic", "Galaxy A35")


def test_history_is_entered_and_counted(scene: Scene, typed: Typed) -> None:
    scene.land(invented(4))
    assert scene.submit().success
    scene.collect()
    entered = json.loads(typed("cache", "stats", "--json").out)["entries"]["total"]
    assert entered > 0
    gone = typed("cache", "forget", "--retailer", scene.partition.retailer, "--json")
    assert json.loads(gone.out) == {"entries": entered, "questions": 0}
    warmed = typed("cache", "warm")
    assert f"{entered} new entries" in warmed.out
    found = json.loads(typed("cache", "stats", "--json").out)
    assert found["entries"]["total"] == entered
    assert found["dimensions"] == 1536
    assert "entries of 1536 dimensions" in typed("cache", "stats").out


@pytest.mark.usefixtures("scene")
def test_an_empty_cache_is_told_as_such(typed: Typed) -> None:
    assert "0 entries" in typed("cache", "stats").out
    assert "no entry is near" in typed("cache", "lookup", "Leche Colun 1 L").out
    assert typed("cache", "lookup", "  ").code == 2
    said = typed("cache", "forget")
    assert said.code == 2
    assert "say which entries" in said.err


@pytest.mark.usefixtures("scene")
def test_words_are_learned_from_labelled_pairs(typed: Typed, tmp_path: Path) -> None:
    file, out = tmp_path / "pairs.csv", tmp_path / "words.json"
    rows = [f"Lego City {n},Juguetes,Lego City {n} surtidito,Juguetes,1" for n in range(5)]
    header = "name_a,category_a,name_b,category_b,same"
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    said = typed("cache", "learn", "--pairs", str(file), "--out", str(out))
    assert "toys: surtidito" in said.out
    assert json.loads(out.read_text(encoding="utf-8")) == {"toys": ["surtidito"]}
    again = typed("cache", "learn", "--pairs", str(file), "--out", str(out), "--json")
    assert again.code == 0
    assert json.loads(out.read_text(encoding="utf-8")) == {"toys": ["surtidito"]}


def test_another_length_of_vectors_is_a_command(
    warmed: Scene, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORMALIZER__EMBEDDING__DIMENSIONS", "256")
    refused = typed("cache", "lookup", *LIKE)
    assert refused.code == 1
    assert "normalizer cache resize" in refused.err
    assert "1 entries of 256 dimensions" in typed("cache", "resize").out
    # The stand-in's short vectors are no beginnings of its long ones, so nothing is near.
    assert typed("cache", "lookup", *LIKE).code == 0
    assert warmed.config.embedding.dimensions == 1536


@pytest.mark.usefixtures("warmed")
def test_a_forgotten_known_product_answers_nothing(typed: Typed) -> None:
    assert json.loads(typed("cache", "forget", "--group", "smartphones", "--json").out) == {
        "entries": 1, "questions": 0,
    }  # fmt: skip
    assert json.loads(typed("cache", "lookup", KNOWN["name"], *LIKE[1:], "--json").out)["tier"] is (
        None
    )


@pytest.mark.usefixtures("warmed")
def test_changed_lines_are_taken_over_and_contradictory_ones_are_told(
    typed: Typed, tmp_path: Path
) -> None:
    file = tmp_path / "changed.ndjson"
    changed, against = (
        KNOWN | {"gold": {"brand": "SAMSUNG", "model": model}} for model in ("A35", "A53")
    )
    file.write_text(json.dumps(changed) + "\n" + json.dumps(against) + "\n", encoding="utf-8")
    said = typed("cache", "warm", "--products", str(file))
    assert "1 known products have another answer than before" in said.out
    assert f"{file}, product 2: left out: product 1 is the same and says otherwise" in said.err
    found = json.loads(typed("cache", "lookup", *LIKE, "--json").out)
    assert found["answer"]["model"] == "A35"


@pytest.mark.usefixtures("scene")
def test_many_texts_are_embedded_through_batches(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORMALIZER__EMBEDDING__BATCH_MIN_TEXTS", "3")
    file = tmp_path / "known.ndjson"
    lines = [json.dumps(KNOWN | {"name": f"{KNOWN['name']} {n}"}) for n in range(3)]
    file.write_text("\n".join(lines), encoding="utf-8")
    said = typed("cache", "warm", "--products", str(file))
    assert "3 texts are in batches" in said.out
    assert said.code == 0
    waited = json.loads(typed("cache", "warm", "--products", str(file), "--wait", "--json").out)
    assert (waited["entries"], waited["tokens"], waited["left"]) == (3, 0, 0)
    assert "1 lines" in typed("batches", "list").out or "completed" in typed("batches", "list").out
