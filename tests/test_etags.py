"""Entity tags, whatever a header says."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napixd_store.etags import etag, matches

OPAQUE = st.text(st.characters(min_codepoint=0x21, exclude_characters='"'), max_size=5)
ELEMENT = st.builds(lambda weak, text: f'{weak}"{text}"', st.sampled_from(["", "W/"]), OPAQUE)
SPACES = st.text(" \t", max_size=2)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_other_records_have_other_tags(one: bytes, other: bytes):
    assert (etag(one) == etag(other)) == (one == other)
    assert re.fullmatch(r'"[A-Za-z0-9_-]{16}"', etag(one))


@given(st.lists(st.tuples(SPACES, ELEMENT, SPACES), min_size=1, max_size=5), st.data())
def test_a_list_matches_each_of_its_tags_and_no_other(elements: list[tuple[str, ...]], data):
    asked = ",".join(map("".join, elements))
    tags = [element for _, element, _ in elements]
    tag = data.draw(st.sampled_from([each.removeprefix("W/") for each in tags]) | ELEMENT)
    tag = tag.removeprefix("W/")
    assert matches(tag, asked) == (tag in tags)
    assert matches(tag, asked, weak=True) == bool({tag, f"W/{tag}"} & set(tags))
    assert not matches(None, asked)


@given(st.text('W/", *ab', max_size=20))
@example('"a,"a","b"')
@example('"b""a"')
def test_what_no_list_of_tags_is_matches_nothing(asked: str):
    element = r'[ ]*((W/)?"[^"]*"|[^",]*)[ ]*'
    if asked.strip() != "*" and not re.fullmatch(f"{element}(,{element})*", asked):
        assert not matches('"a"', asked)
        assert not matches('"a"', asked, weak=True)


@pytest.mark.parametrize("size", [2**16, 2**18])
def test_a_long_header_is_read_once(size: int):
    assert not matches('"a"', '"' * size)
    assert not matches('"a"', ' ,"b' * size)
    assert matches('"a"', '"b",' * size + '"a"')
