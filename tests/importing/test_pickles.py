"""Pickles of others: built-in types are read, all else is told, and nothing is ever called."""

import io
import os
import pickle
import random
import struct
import sys
import uuid
from collections import Counter, OrderedDict, defaultdict
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from napixd_store.importing import opcodes
from napixd_store.importing.entries import Malformed
from napixd_store.importing.pickles import loads, loads_members
from tests.importing import python2
from tests.sizes import size
from tests.strategies import form

VALUES: list[Any] = [
    None, True, False, 0, 255, 256, 65536, -1, 2**31, -(2**31), 2**70, -(2**70), 2**2100, 1.5,
    float("inf"), "", "é€", "x" * 300, b"", b"\xff\0", b"y" * 300, [], [1, [2]], (), (1,), (1, 2),
    (1, 2, 3), (1, 2, 3, 4), {}, {"a": {1: None}}, set(), {1, "a"}, frozenset(), frozenset([2]),
    date(1999, 12, 31), time(1, 2, 3, 4), time(1, 2, tzinfo=timezone.utc),
    datetime(2020, 1, 2, 3, 4, 5, 678901), datetime(2020, 1, 2, tzinfo=timezone.utc, fold=1),
    time(3, tzinfo=timezone(timedelta(hours=1), "x")), timedelta(-3, 5, 6), Decimal("-1E+5"),
    uuid.UUID(int=2**127 + 5), [uuid.UUID(int=5)] * 2,
]  # fmt: skip


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_python_3_writes_comes_back_equal_and_of_the_same_type(protocol: int):
    for dumps in (pickle.dumps, pickle._dumps):  # type: ignore[attr-defined]
        for value in VALUES:
            data = dumps(value, protocol)
            assert form(loads(data)) == form(pickle.loads(data))  # without fold, in old ones
        assert form(loads(dumps(OrderedDict(b=1, a=2), protocol))) == form({"b": 1, "a": 2})
        assert form(loads(dumps(bytearray(b"a\xff"), protocol))) == form(b"a\xff")
        assert form(loads(dumps([bytearray()], protocol))) == form([b""])


MIXED = {
    "café": "café",
    "n": [1, 2**70, -5, True, None, 1.5],
    "t": ((), (1,), (1, 2), (1, 2, 3, 4)),
    "q": "q'\"\n",
}
TYPED = [
    {1},
    frozenset([2]),
    datetime(2020, 1, 2, 3, 4, 5, 678901),
    date(1999, 12, 31),
    timedelta(-3, 5, 6),
    Decimal("1.50"),
    {"z": 1, "a": 2},
    b"xy\xff",
    uuid.UUID(int=5),
]


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_what_python_2_wrote_is_read(protocol: int):
    mixed, typed = (python2.WRITTEN[name, protocol] for name in ("mixed", "typed"))
    assert form(sorted(loads(mixed).items())) == form(sorted(MIXED.items()))
    assert form(loads(mixed, "latin-1")["café"]) == form("cafÃ©")
    assert loads(mixed, "bytes")["café"] == b"caf\xc3\xa9"
    for encoding in ("utf-8", "latin-1", "bytes"):  # a state is bytes whatever texts are
        read = loads(typed, encoding)
        assert form(read[:6] + read[7:]) == form(TYPED[:6] + TYPED[7:])
    assert form(loads(typed)) == form(TYPED)
    for name, cls in [("old", "__main__.Old"), ("new", "__main__.New")]:
        pairs = list(loads_members(python2.WRITTEN[name, protocol], "utf-8"))
        assert [(key, str(fault or "")) for key, _, fault in sorted(pairs, key=str)] == [
            ("a", ""),
            ("b", f"value is '{cls}', which is never called"),
        ]
    latin = python2.WRITTEN["latin", protocol]
    assert loads(latin, "latin-1") == {"k": "café"}
    assert refusal(latin) == "value['k'] is a str of Python 2 that is not utf-8"


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_the_writer_of_the_tests_writes_what_python_2_would(protocol: int):
    value = {b"k\xc3\xa9": [1, 2**80, -3, True, None, 1.5, "é", b"'\"\n", (b"x" * 300, ())]}
    assert loads(python2.dumps(value, protocol)) == {
        "ké": [1, 2**80, -3, True, None, 1.5, "é", "'\"\n", ("x" * 300, ())]
    }


# --- hostile ---------------------------------------------------------------------------------


def refusal(data: bytes, encoding: str = "utf-8") -> str:
    with pytest.raises(Malformed) as caught:
        loads(data, encoding)
    return str(caught.value)


class Reduces:
    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> Any:
        return self.reduced


def laughs(levels: int, kind: bytes = b"(") -> bytes:
    """A list that holds one ten times, that one ten times another, and so on."""
    inner = b"]q\0"
    for level in range(levels):
        more = b"".join(b"h" + bytes([level]) for _ in range(10))
        inner += b"0](" + more + b"eq" + bytes([level + 1])
    return inner + b"."


def deep(tuples: int) -> bytes:
    return b")" + b"\x85" * tuples


SYSTEM = b"cposix\nsystem\n"
TOUCH = b"(S'touch canary'\ntR"

HOSTILE: dict[str, tuple[bytes, str]] = {
    "GLOBAL, REDUCE": (SYSTEM + TOUCH + b".", "'posix.system', which is never called"),
    "STACK_GLOBAL": (b"\x80\x04\x8c\x05posix\x8c\x06system\x93" + TOUCH + b".", "'posix.system'"),
    "GLOBAL alone": (SYSTEM + b".", "'posix.system'"),
    "a type of the table alone": (b"c__builtin__\nset\n.", "'builtins.set'"),
    "INST": (b"(S'touch canary'\niposix\nsystem\n.", "'posix.system'"),
    "OBJ": (b"(" + SYSTEM + b"S'touch canary'\no.", "'posix.system'"),
    "NEWOBJ": (SYSTEM + b"(S'touch canary'\nt\x81.", "'posix.system'"),
    "NEWOBJ_EX": (SYSTEM + b")}S'command'\nS'touch canary'\ns\x92.", "'posix.system'"),
    "NEWOBJ_EX of a type": (b"c__builtin__\nset\n)}S'a'\nK\1s\x92.", "names of arguments"),
    "BUILD with __setstate__": (b"c__main__\nX\n)\x81}S'a'\nI1\nsb.", "'__main__.X'"),
    "BUILD of a dict": (b"}}S'__class__'\nN" + b"sb.", "takes none"),
    "a chain of getattr": (
        b"c__builtin__\ngetattr\n(c__builtin__\n__import__\n(S'os'\ntRS'system'\ntR" + TOUCH + b".",
        "'builtins.getattr'",
    ),
    "eval": (b"c__builtin__\neval\n(S'1'\ntR.", "'builtins.eval'"),
    "a dotted name": (b"\x80\x04\x8c\x08builtins\x8c\x0bset.__new__\x93)R.", "set.__new__'"),
    "EXT1": (b"\x80\x02\x82\x01)R.", "extension"),
    "EXT2": (b"\x80\x02\x83\x01\x00)R.", "extension"),
    "EXT4": (b"\x80\x02\x84\x01\x00\x00\x00)R.", "extension"),
    "PERSID": (b"Pcanary\n.", "persistent"),
    "BINPERSID": (b"S'canary'\nQ.", "persistent"),
    "NEXT_BUFFER": (b"\x80\x05\x97\x98.", "buffer"),
    "a call of what is no global": (b"S'posix.system'\n" + TOUCH + b".", "no global"),
    "a memo bomb": (b"]r\xff\xff\xff\xff.", ""),
    "a memo that is not there": (b"h\7.", "damaged"),
    "billion laughs": (laughs(12), "more than 67108864 bytes"),
    "a list that holds itself": (b"]q\0h\0a.", "holds itself"),
    "a dict that holds itself": (b"}q\0S'a'\n](h\0es.", "['a'][0] holds itself"),
    "one text, many times": (b"](U\xff" + b"x" * 255 + b"q\1" + b"h\1" * 300_000 + b"e.", "bytes"),
    "LONG4 of 2 GiB": (b"\x80\x02\x8b\xff\xff\xff\x7f.", "cut off"),
    "LONG4 of less than nothing": (b"\x80\x02\x8b\xff\xff\xff\xff.", "cut off"),
    "BINBYTES8 of 2**63": (b"\x80\x04\x8e" + b"\xff" * 8 + b".", "damaged"),
    "BINUNICODE8 of 2**62": (b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x.", "cut off"),
    "BYTEARRAY8 of 2**40": (b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.", "cut off"),
    "a huge bytearray": (b"c__builtin__\nbytearray\n(L999999999999L\ntR.", "other types"),
    "a huge set": (b"c__builtin__\nset\n(L999999999999L\ntR.", "other types"),
    "a long decimal": (b"L" + b"9" * 10_000 + b"L\n.", "damaged"),
    "a key of nested tuples": (b"}" + deep(200_000) + b"Ns.", "too many parts"),
    "a key of doubled tuples": (b"})" + b"2\x86" * 60 + b"Ns.", "too many parts"),
    "a set of nested tuples": (b"\x80\x04\x8f(" + deep(200_000) + b"\x90.", "too many parts"),
    "a list for a key": (b"}]Ns.", "a list is a key"),
    "protocol 9": (b"\x80\x09N.", "protocol 9"),
    "an unknown opcode": (b"\xfe.", "no opcode"),
    "nothing": (b"", "cut off"),
    "text": (b"hello, world", "damaged"),
    "two pickles": (b"N.N.", "behind its end"),
    "what is left": (b"NN.", "behind its end"),
    "no STOP": (b"N", "cut off"),
    "another encoding": (b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.", "another way than latin-1"),
    "a date of texts": (b"cdatetime\ndate\n(S'abc'\ntR.", "not of 4 bytes"),
    "a delta of 2**80 days": (b"cdatetime\ntimedelta\n(L%dL\nI0\nI0\ntR." % 2**80, "be made"),
    "a UUID of 2**200": (b"cuuid\nUUID\n)\x81}S'int'\nL%dL\nsb." % 2**200, "128 bits"),
    "a UUID without a number": (b"cuuid\nUUID\n)\x81.", "without its number"),
    "a name of a megabyte": (b"cos\n" + b"x" * 2**20 + b"\n.", "'os.xxx"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(HOSTILE))
def test_a_hostile_pickle_does_nothing_and_gives_one_clear_error(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    data, said = HOSTILE[what]
    if what == "a memo bomb":
        assert loads(data) == []
    else:
        message = refusal(data)
        assert said in message
        assert len(message) < 400
        assert "\n" not in message
    assert os.listdir(tmp_path) == []


def test_every_hostile_pickle_would_do_something_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    data, _ = HOSTILE["GLOBAL, REDUCE"]
    assert pickle.loads(data) == 0
    assert os.listdir(tmp_path) == ["canary"]


@pytest.mark.parametrize(
    "value",
    [range(3), 1j, Counter("a"), defaultdict(list), slice(1), Ellipsis, len, int, Path("x")],
    ids=repr,
)
def test_what_no_store_takes_is_told_by_its_name(value: Any):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        cls = value if callable(value) and not isinstance(value, defaultdict) else type(value)
        if isinstance(value, complex | range | slice | Counter | defaultdict):
            assert cls.__qualname__ in refusal(pickle.dumps([value], protocol))
        refusal(pickle.dumps({"deep": [(value,)]}, protocol))


def test_an_object_is_told_with_its_place_and_the_rest_is_read():
    data = pickle.dumps({"a": 1, "b": {"x": [0, Reduces(print, ("no",))]}, "c": 3})
    pairs = {key: str(fault) for key, _, fault in loads_members(data, "utf-8")}
    assert pairs == {
        "a": "None",
        "b": "value['x'][1] is 'builtins.print', which is never called",
        "c": "None",
    }
    with pytest.raises(Malformed, match="not a dict but a list"):
        list(loads_members(pickle.dumps([1]), "utf-8"))
    with pytest.raises(Malformed, match=r"not a dict but 'posix\.system'"):
        list(loads_members(HOSTILE["GLOBAL, REDUCE"][0], "utf-8"))
    ((_, _, fault),) = loads_members(b"}" + SYSTEM + b"Ns.", "utf-8")
    assert str(fault) == "the key is 'posix.system', which is never called"


def test_nested_more_deeply_than_the_stack_is_read_as_it_is():
    levels = 10 * sys.getrecursionlimit()
    found = loads(b"]" * levels + b"a" * (levels - 1) + b".")
    for _ in range(levels - 1):
        (found,) = found
    assert found == []


def test_a_pickle_ends(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opcodes, "MOST_STEPS", 100)
    assert loads(b"N0" * 49 + b"N.") is None
    assert refusal(b"N0" * 50 + b"N.") == "the pickle is too long"


class Harmless(pickle._Unpickler):
    """The library's own, in Python, with nothing to call; that in C takes all memory for a memo."""

    def find_class(self, module: str, name: str) -> Any:
        raise LookupError(name)


def mutated(chosen: random.Random, data: bytes) -> bytes:
    raw = bytearray(data)
    for _ in range(chosen.randint(1, 4)):
        place = chosen.randrange(len(raw) + 1)
        match chosen.randrange(3):
            case 0:
                raw[place:place] = bytes([chosen.randrange(256)])
            case 1:
                del raw[place : place + chosen.randint(1, 3)]
            case _:
                raw[place : place + 1] = bytes([chosen.randrange(256)])
    return bytes(raw)


def test_whatever_is_damaged_is_malformed_or_the_value_that_the_library_reads():
    chosen = random.Random(16)
    plain = [value for value in VALUES[:30] if not isinstance(value, bytes)]  # no global is named
    seeds = [pickle.dumps(plain, protocol) for protocol in range(6)]
    seeds += [python2.WRITTEN[name, p] for name in ("mixed", "typed", "new") for p in (0, 1, 2)]
    seeds += [data for data, _ in HOSTILE.values() if len(data) < 1000]
    agreed = 0
    for _ in range(size(quick=3_000, full=30_000)):
        data = mutated(chosen, chosen.choice(seeds))
        try:
            found = loads(data, "latin-1")
        except Malformed:
            continue
        if b"\x96" in data:
            continue  # bytes to us, a bytearray to it
        with suppress(LookupError):
            library = Harmless(io.BytesIO(data), encoding="latin-1")
            assert repr(library.load()) == repr(found)
            agreed += 1
    assert agreed > 50
