"""The guard's words: read whole, extended by users, narrowed by audits."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.cache.lexicon import (
    WORDS,
    LexiconError,
    beginnings,
    flavour_beginnings,
    harmless_words,
    kind_beginnings,
    lexicon,
    owners,
    read_lexicon,
    stems,
    talk,
    talk_clauses,
    vocabulary,
)
from normalizer_assets.config import CATEGORY_GROUPS, load_config

CONFIG = load_config({})


def test_the_word_lists_are_folded_and_of_known_groups() -> None:
    found = json.loads(WORDS.read_text(encoding="utf-8"))
    groups = {*CATEGORY_GROUPS, "any"}
    for table in ("kinds", "translations", "abbreviations", "harmless", "implies", "assumed"):
        assert set(found[table]) <= groups, table
    assert set(found["talkless"]) <= groups
    spoken = [*found["talk"], *found["owners"], *found["owners"].values()]
    spoken += [one for rows in found["kinds"].values() for row in rows for one in row]
    for table in ("translations", "abbreviations"):
        spoken += [word for part in found[table].values() for pair in part.items() for word in pair]
    odd = [one for one in spoken if one != one.lower() or not one.isascii() or "  " in one]
    assert not odd


@pytest.mark.parametrize("group", CATEGORY_GROUPS)
def test_no_word_stands_for_two_kinds(group: str) -> None:
    found = vocabulary(group)
    assert found.kinds
    assert not {target for target in found.synonyms.values() if target in found.synonyms} - {
        stem for stem, target in found.synonyms.items() if stem == target
    }
    assert harmless_words(group)


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("galletas", "galleta"),
        ("limones", "limon"),
        ("luces", "luz"),
        ("inalambrica", "inalambrico"),
        ("chocolate", "chocolate"),
        ("chocolates", "chocolate"),
        ("empanada", "empanada"),
        ("tostadas", "tostada"),
        ("rallada", "rallado"),
        ("rosa", "rosa"),
        ("a54s", "a54s"),
        ("pro", "pro"),
        ("nina", "nina"),
    ],
)
def test_plurals_and_genders_have_one_stem(word: str, stem: str) -> None:
    assert stems([word]) == [stem]


@given(st.lists(st.from_regex(r"[a-z_]{1,12}", fullmatch=True)))
def test_a_stem_keeps_its_beginning_and_its_place(given_words: list[str]) -> None:
    found = stems(given_words)
    assert len(found) == len(given_words)
    assert all(
        stem[:2] == word[:2] and len(stem) <= len(word)
        for stem, word in zip(found, given_words, strict=True)
    )


def test_an_owner_of_an_owner_is_one_too() -> None:
    assert owners()["milo"] == "nestle"
    chained = [line for line, makers in owners().items() if len(makers.split()) > 1]
    assert chained


def test_shop_talk_is_whole_phrases() -> None:
    assert talk("groceries")
    assert not [phrase for phrase in talk("groceries") if " " not in phrase]


def test_titles_keep_what_is_no_offer() -> None:
    assert "deja huella" in talk("groceries")
    assert "deja huella" not in talk("other")
    assert "12 cuotas sin interes" in talk("other")


def test_no_word_has_two_meanings_in_one_group() -> None:
    found = json.loads(WORDS.read_text(encoding="utf-8"))
    for group, rows in found["kinds"].items():
        words = [word for row in rows for word in row]
        assert len(words) == len(set(words)), group
        for table in ("translations", "abbreviations"):
            assert not {*found[table].get(group, {})} & {*words}, (group, table)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("arroz 1 kg ideal para compartir en familia", "arroz 1 kg"),
        ("arroz 1 kg el favorito de tu mesa", "arroz 1 kg"),
        ("snack 100 g le encantara a tu perro", "snack 100 g perro"),
        ("crema ideal para piel seca", "crema para piel seca"),
        # A verb with an article, what is the reader's, praise.
        ("parlante lleva tu musica a todas partes", "parlante"),
        ("bicicleta aro 29 vive la aventura", "bicicleta aro 29"),
        ("zapatillas talla 41 maxima comodidad", "zapatillas talla 41"),
        ("sarten 24 cm calidad y estilo", "sarten 24 cm"),
        ("detergente cuida tu ropa oscura", "detergente cuida tu ropa oscura"),
        ("desodorante maxima proteccion", "desodorante maxima proteccion"),
        ("sarten calidad", "sarten calidad"),
        # No claim, a claim alone, a word of no class, a suffix, a count.
        ("arroz para la familia", "arroz para la familia"),
        ("leche ideal", "leche ideal"),
        ("arroz ideal para sushi", "arroz para sushi"),
        ("audifono envio gratis se", "audifono envio gratis se"),
        ("chicle 20 un calidad garantizada", "chicle 20 un"),
    ],
)
def test_shop_talk_goes_in_clauses_that_begin_with_a_claim(text: str, left: str) -> None:
    frame = pl.DataFrame({"text": [text]})
    for pattern, replacement in talk_clauses("groceries"):
        frame = frame.with_columns(pl.col("text").str.replace_all(pattern, replacement))
    assert " ".join(frame["text"][0].split()) == left


def test_titles_of_games_are_no_shop_talk() -> None:
    title = pl.DataFrame({"text": ["juego vive la aventura"]})
    for pattern, replacement in talk_clauses("consoles"):
        title = title.with_columns(pl.col("text").str.replace_all(pattern, replacement))
    assert title["text"][0] == "juego vive la aventura"


def test_a_beginning_of_several_words_is_nobodys() -> None:
    found = beginnings("groceries")
    assert found["frambu"] == "frambuesa"
    assert found["man"] == ""
    assert flavour_beginnings()["almen"] == "almendra"
    # Its own words before those of every group.
    assert beginnings("beverages")["reserv"] == ""
    assert beginnings("beverages")["instantan"] == "instantaneo"
    assert kind_beginnings("appliances")["lavad"] == "lavadora"
    assert kind_beginnings("appliances")["lav"] == ""


def test_words_of_the_user_and_learned_ones_are_added(tmp_path: Path) -> None:
    learned = tmp_path / "lexicon.json"
    learned.write_text('{"toys": ["juguete"]}', encoding="utf-8")
    cache = CONFIG.cache.model_copy(
        update={"lexicon": str(learned), "harmless_words": {"toys": ("Edición",)}}
    )
    found = lexicon(CONFIG.model_copy(update={"cache": cache}), {"toys": ["mini"]})
    assert {"juguete", "edicion"} <= found.harmless["toys"]
    assert found.telling == {"toys": frozenset({"mini"})}


def test_no_file_holds_no_words(tmp_path: Path) -> None:
    assert read_lexicon(tmp_path / "none.json") == {}


@pytest.mark.parametrize("content", ["{", "[]", '{"toys": "x"}', '{"toys": [1]}'])
def test_a_file_that_is_no_lexicon_is_told(tmp_path: Path, content: str) -> None:
    file = tmp_path / "lexicon.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(LexiconError, match=r"lexicon\.json"):
        read_lexicon(file)
