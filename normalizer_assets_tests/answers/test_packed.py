import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer_assets.answers.packed import numbered_members

ONE, TWO = '{"b":"LG","a":{"1":"x"}}', '{"b":null,"x":[{"k":"v"}]}'


@pytest.mark.parametrize(
    "content",
    [
        f'{{"1":{ONE},"2":{TWO}}}',
        f'```json\n{{ "1" : {ONE} ,\n  "2":{TWO}\n}}\n```',
        f'{{"Out":{{"1":{ONE},"2":{TWO}}}}}',
        f'{{"productos \\"de hoy\\"": {{"1":{ONE},"2":{TWO}}}}}',
    ],
)
def test_members_are_found_under_their_numbers(content: str) -> None:
    assert numbered_members(content) == ([(1, ONE), (2, TWO)], "")


@pytest.mark.parametrize("content", ['{"p":[%s, %s]}', '{"productos": [\n%s,\n%s\n]}'])
def test_members_of_a_list_say_their_number(content: str) -> None:
    members = '{"i":2,"b":"LG"}', '{"b":"HP","i":"1"}'
    assert numbered_members(content % members) == ([(2, members[0]), (1, members[1])], "")


@pytest.mark.parametrize(
    ("content", "numbers", "reason"),
    [
        ("", [], "the reply is empty"),
        ("No puedo", [], "no JSON object"),
        ("{}", [], ""),
        ('{"b":"LG","m":"C3"}', [None, None], ""),
        ('{"1":{"b":"A"},"1":{"b":"B"},"01":{},"-1":{},"1.0":{}}', [1, 1, None, None, None], ""),
        ('{"p":[{"i":true},{"i":[1]},{"b":1},[1],"1",{"i":400}]}', [None] * 5 + [400], ""),
        ('{"1":{"b":"A"}} {"2":{"b":"B"}}', [], "more than one JSON object"),
        ('{"1":{"b":"A"},"2":{"b":}}', [1], "broken JSON at character 24: Expecting value"),
        ('{"1":{"b":"A"} "2":{}}', [1], "broken JSON at character 15: Expecting ',' delimiter"),
        ('{"1":{"b":"A"},"2" {}}', [1], "broken JSON at character 19: Expecting ':' delimiter"),
        ('{"1":{"b":"A"},"2":' + "9" * 5000 + "}", [1], "a number in the JSON is too long"),
        ('{"1":{},"2":' + "[" * 200_000, [1], "the JSON is nested too deeply"),
    ],
)
def test_what_cannot_be_told_apart_is_said(
    content: str, numbers: list[int | None], reason: str
) -> None:
    found, broken = numbered_members(content)
    assert [number for number, _ in found] == numbers
    assert broken == reason


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.text(st.sampled_from('ab{}[]",:1\\')),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("b1{"), inner, max_size=2),
    max_leaves=4,
)
ENTRIES = st.lists(
    st.dictionaries(st.text(st.sampled_from('bm{"\\1'), max_size=3), VALUES, max_size=3), max_size=5
)


@settings(max_examples=200)
@given(entries=ENTRIES, listed=st.booleans(), spaced=st.booleans(), data=st.data())
def test_of_a_reply_that_is_cut_anywhere_only_whole_members_are_found(
    entries: list[dict[str, Any]], listed: bool, spaced: bool, data: st.DataObject
) -> None:
    blank = "\n " if spaced else ""
    content = '{"p":[' if listed else "{"
    members = []
    for number, entry in enumerate(entries, 1):
        text = json.dumps(entry | {"i": number} if listed else entry)
        content += f"{',' if number > 1 else ''}{blank}" + ("" if listed else f'"{number}":{blank}')
        content += text
        members.append((len(content), (number, text)))
        content += blank
    content += "]}" if listed else "}"
    assert numbered_members(content) == ([member for _, member in members], "")
    cut = data.draw(st.integers(0, len(content) - 1))
    found, reason = numbered_members(content[:cut])
    assert found == [member for end, member in members if end <= cut]
    assert reason


@settings(max_examples=100)
@given(st.text(st.sampled_from('{}[]":,12i aé\\\n')))
def test_no_text_raises(content: str) -> None:
    found, _ = numbered_members(content)
    assert all(text in content for _, text in found)
