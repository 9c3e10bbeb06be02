"""The text of a FileStore's records: changed where they stand, as if all were written anew."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napixd_store import CorruptData, Store
from napixd_store.backends.files import document, lines

texts = st.text(st.sampled_from('ab"\\:,\n{}\u2028é'), min_size=1, max_size=3)
records = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
).map(msgspec.json.encode)
contents = st.dictionaries(texts, records, max_size=12)


@given(contents, st.dictionaries(texts, st.none() | records, max_size=12))
def test_changes_made_in_place_give_what_writing_all_anew_gives(content, changes):
    merged = {**content, **changes}
    text = lines.joined({key: record for key, record in merged.items() if record is not None})
    assert lines.replaced(lines.joined(content), changes) == text
    for key, record in changes.items():
        one = {**content, key: record}
        assert lines.replaced(lines.joined(content), {key: record}) == lines.joined(
            {key: record for key, record in one.items() if record is not None}
        )


@given(contents, st.lists(texts, max_size=12))
def test_what_was_joined_is_found_split_and_counted(content, keys):
    text = lines.joined(content)
    assert lines.split(text) == content
    assert list(lines.split(text)) == list(content)
    assert lines.found(text, keys) == {key: content[key] for key in keys if key in content}
    assert lines.count(text) == len(content)
    assert lines.fits(text)
    assert json.loads(text) == {key: json.loads(record) for key, record in content.items()}


@given(contents)
def test_a_record_that_cannot_be_read_hides_no_other(content):
    damaged = {**content, "deep": b"[" * 10_000}
    assert lines.split(lines.joined(damaged)) == damaged


def test_a_line_break_in_a_record_becomes_a_space():
    text = lines.joined({"a": b'{"b":\n1,\n"c":2}'})
    assert text == b'{\n"a":{"b": 1, "c":2}\n}'
    assert lines.found(text, ["b", "c"]) == {}


@pytest.fixture
def store(tmp_path):
    return Store("c", "File", root=tmp_path, writeback=False)


EDITED = '{"napixd-store":1,"collection":"c","sha256":null,"records":\n%s\n}\n'
PRETTY = '{\n  "a": {\n"b": 1\n  },\n"c": 2}'


def test_what_a_hand_laid_out_otherwise_is_read_changed_and_laid_out_again(store, tmp_path):
    file = tmp_path / "c.store.json"
    file.write_text(EDITED % PRETTY)
    assert store.snapshot() == {"a": {"b": 1}, "c": 2}
    assert ("b" in store, len(store)) == (False, 2)
    store["b"] = 3
    assert store.snapshot() == {"a": {"b": 1}, "c": 2, "b": 3}
    assert file.read_text().partition("\n")[2] == '{\n"a":{ "b": 1   },\n"c":2,\n"b":3\n}\n}\n'


NESTED = {"a": {"b": [1, {"b": 2}]}, "c": {}}
LAID_OUT = [json.dumps(NESTED, indent=indent) for indent in (0, 1, 2, "\t")]


@pytest.mark.parametrize("records", ["[]", "7", '"text"', "{}", '{"a":1}', PRETTY, *LAID_OUT])
def test_what_another_program_sealed_is_read_or_refused_but_never_misread(store, tmp_path, records):
    """The checksum is right, and the lines are not ours."""
    sealed = document.write({"collection": "c"}, "records", records.encode())
    (tmp_path / "c.store.json").write_bytes(sealed)
    value = json.loads(records)
    if isinstance(value, dict):
        assert store.snapshot() == value
        assert len(store) == len(value)
        assert ("a" in store, "b" in store) == ("a" in value, "b" in value)
        return
    for read in (store.snapshot, lambda: store["a"], lambda: len(store)):
        with pytest.raises(CorruptData, match="its records are not a JSON object"):
            read()
