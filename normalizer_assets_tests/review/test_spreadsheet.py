"""The queue as a file that people fill in."""

import csv
import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer_assets.review.decisions import Verdict
from normalizer_assets.review.queue import ReviewError, Waiting
from normalizer_assets.review.spreadsheet import COLUMNS, read_attributes, read_csv, write_csv
from normalizer_assets_tests.scene import Scene

pytestmark = pytest.mark.slow

InQueue = Callable[..., list[Waiting]]


def lines_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def file_of(lines: list[dict[str, str]], separator: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, delimiter=separator)
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def read(held: Scene, text: str) -> list[Verdict]:
    with held.engine.connect() as connection:
        return read_csv(connection, text)


def test_a_file_without_decisions_decides_nothing(held: Scene, in_queue: InQueue) -> None:
    assert read(held, write_csv(in_queue())) == []


@pytest.mark.parametrize("separator", [",", ";"])
def test_decisions_are_read_as_spreadsheets_save_them(
    held: Scene, in_queue: InQueue, separator: str
) -> None:
    lines = lines_of(write_csv(in_queue()))
    lines[0] |= {"decision": "Accept ", "note": "fine"}
    lines[1] |= {"decision": "correct", "brand": "Otra Marca"}
    lines[2] |= {"decision": "reject"}
    first, second, third = read(held, "\ufeff" + file_of(lines, separator))
    assert (first.decision, first.note, first.answer) == ("accept", "fine", None)
    assert second.answer is not None
    assert second.answer["brand"] == "OTRA MARCA"
    assert second.answer["attributes"] == second.about.row["attributes"]
    assert third.decision == "reject"


def test_attributes_that_were_taken_out_of_the_cell_are_removed(
    held: Scene, in_queue: InQueue
) -> None:
    (notebook,) = (line for line in lines_of(write_csv(in_queue())) if "IdeaPad" in line["name"])
    notebook |= {"decision": "correct", "attributes": "ram=8GB"}
    (verdict,) = read(held, file_of([notebook]))
    assert verdict.answer is not None
    assert verdict.answer["attributes"] == {"ram": "8GB"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decision": "yes"}, "line 2: 'yes' is no decision"),
        ({"decision": "accept", "brand": "X"}, "brand was changed; write correct"),
        ({"decision": "reject", "brand": "X"}, "brand was changed; write correct instead of"),
        ({"decision": "correct"}, "nothing is changed"),
        ({"decision": "correct", "attributes": "8GB"}, "'8GB' is no attribute"),
        ({"decision": "accept", "question": "unknown"}, "nobody waits"),
    ],
)
def test_a_line_that_cannot_be_understood_is_named_and_nothing_is_decided(
    held: Scene, in_queue: InQueue, changes: dict[str, str], message: str
) -> None:
    first, *others = lines_of(write_csv(in_queue()))
    lines = [first | changes, *(line | {"decision": "accept"} for line in others)]
    with pytest.raises(ReviewError, match=message):
        read(held, file_of(lines))


def test_one_question_twice_is_an_error(held: Scene, in_queue: InQueue) -> None:
    first = lines_of(write_csv(in_queue()))[0] | {"decision": "accept"}
    with pytest.raises(ReviewError, match="line 3: the question of line 2 again"):
        read(held, file_of([first, first]))


def test_a_file_without_the_columns_is_an_error(held: Scene) -> None:
    with pytest.raises(ReviewError, match="decision and question is missing"):
        read(held, "name,brand\nx,y\n")
    assert read(held, "decision,question\n") == []
    with pytest.raises(ReviewError, match="line 1 cannot be read: field larger"):
        read(held, f"decision,question,note\naccept,x,{'n' * 200_000}\n")


def test_a_listing_that_looks_like_a_formula_does_nothing_in_a_spreadsheet() -> None:
    row = dict.fromkeys(
        (*COLUMNS, "category_group", "category_suggestion", "evidence", "status"), None
    )
    one = Waiting("key", 1, row | {"name": "=cmd()", "confidence": 0.5, "attributes": {}})
    assert lines_of(write_csv([one]))[0]["name"] == "'=cmd()"


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.text(st.characters(exclude_characters=";", categories=["L", "N", "P"]), min_size=1),
        max_size=5,
    )
)
def test_attributes_survive_their_cell(attributes: dict[str, str]) -> None:
    cell = "; ".join(f"{name}={value}" for name, value in attributes.items())
    assert read_attributes(cell) == attributes
