"""The contract of the order of keys."""

from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest

from napixd_store.base import StoreBackend
from napixd_store.engine.transactions import transaction
from napixd_store.errors import Conflict, CorruptData, InvalidKey, InvalidValue
from napixd_store.testing.cases import BAD_KEYS, Clock, Open, together

ORDERED: list[Any] = [
    *("\0", " ", "%", "/", "0", "10", "9", "<"),
    *("=", "=\0", "==", "=>", "=A", "=a1", "=s", "=\uffff"),
    *(-(2**63), -(10**18), -11, -10, -9, -1, 0, 1, 9, 10, 11, 10**18, 2**63 - 1),
    *(">", "A", "Z", "a", "a\0", "a\0b", "a/", "aa", "ab", "a\uffff", "a\U0010ffff", "b", "z"),
    *("é", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0001f600", "\U0010ffff"),
    "\U0010ffff" * 1000,
]  # fmt: skip
"""Keys in their order."""

AWKWARD: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"prefix": "a", "start": "b"}, InvalidValue),
    ({"prefix": "", "start": 1}, InvalidValue),
    ({"start": 1, "before": "b"}, InvalidValue),
    ({"start": "b", "before": 1}, InvalidValue),
    ({"prefix": "a", "before": 1}, InvalidValue),
    ({"prefix": "", "after": 1}, InvalidValue),
    ({"prefix": 1}, InvalidKey),
    ({"prefix": "\ud800"}, InvalidKey),
    ({"prefix": "k" * 1001}, InvalidKey),
    *(({"limit": limit}, InvalidValue) for limit in (-1, True, 1.0, "1")),
    *(
        ({name: key}, InvalidKey)
        for name in ("start", "after", "before")
        for key in BAD_KEYS
        if key is not None
    ),
]


def place(key: Any) -> tuple[int, Any]:
    """Return where *key* stands among all: ints as numbers, behind the strs that begin with =."""
    return (1, key) if type(key) is int else (0 if key < ">" else 2, key)


def expected(
    keys: Iterable[Any],
    *,
    prefix: Any = None,
    start: Any = None,
    after: Any = None,
    before: Any = None,
    reverse: bool = False,
    limit: int | None = None,
) -> list[Any]:
    """Return those of *keys* that `range` yields, by looking at each."""

    def asked(key: Any) -> bool:
        here = place(key)
        return (
            (prefix is None or (type(key) is str and key.startswith(prefix)))
            and (start is None or place(start) <= here)
            and (before is None or here < place(before))
            and (after is None or (here < place(after) if reverse else here > place(after)))
        )

    return sorted(filter(asked, keys), key=place, reverse=reverse)[:limit]


class OrderContract:
    """Pages and places; a part of `StoreContract`."""

    def test_range_is_in_the_order_of_keys(self, open: Open, store: StoreBackend[Any]) -> None:
        store.update({key: [key] for key in ORDERED[::2]})
        store.update({key: [key] for key in reversed(ORDERED[1::2])})
        assert list(store.range()) == [(key, [key]) for key in ORDERED]
        assert [key for key, _ in store.range(reverse=True)] == ORDERED[::-1]
        store.save()
        assert [key for key, _ in open().range()] == ORDERED

    def test_range_is_bounded_by_whatever_it_is_given(self, store: StoreBackend[Any]) -> None:
        store.update(dict.fromkeys(ORDERED, 1))
        places = [None, "=A", "a", -10, 2**63 - 1]
        asked: list[dict[str, Any]] = [
            {"start": start, "before": before}
            for start, before in product(places, places)
            if start is None or type(before) in (type(None), type(start))
        ]
        prefixes = ["", "=", "a", "\ud7ff", "\U0010ffff"]
        asked += [{"prefix": prefix, "before": end} for prefix in prefixes for end in (None, "aa")]
        for bounds, after, reverse in product(asked, places, (False, True)):
            if "prefix" in bounds and type(after) is int:
                continue
            given = {**bounds, "after": after, "reverse": reverse}
            found = [key for key, _ in store.range(**given)]
            assert found == expected(ORDERED, **given), given
            assert [key for key, _ in store.range(**given, limit=2)] == found[:2], given

    def test_pages_put_together_are_the_whole(self, store: StoreBackend[Any]) -> None:
        store.update(dict.fromkeys(ORDERED, 1))
        for reverse, size in product((False, True), (1, 7, len(ORDERED))):
            found: list[Any] = []
            after = None
            while page := [k for k, _ in store.range(after=after, reverse=reverse, limit=size)]:
                found += page
                after = page[-1]
                assert store.pop(after) == 1  # the next page begins behind it all the same
            assert found == ORDERED[:: -1 if reverse else 1]
            store.update(dict.fromkeys(ORDERED, 1))

    def test_what_is_past_its_deadline_does_not_count(
        self, store: StoreBackend[Any], clock: Clock
    ) -> None:
        for number in range(60):
            store.put(number, "x" * 5000, expires_in=1 if number % 4 else 60)
        store["=lasts"] = "x" * 5000
        clock.advance(1)
        living = [*range(0, 60, 4)]
        assert [key for key, _ in store.range(limit=12, start=1)] == living[1:13]
        assert [key for key, _ in store.range(limit=12, reverse=True)] == living[:-13:-1]
        assert set(store) == set(store.keys()) == {*living, "=lasts"}
        assert [number for number in range(60) if number in store] == living
        assert ("=lasts" in store, "missing" in store) == (True, False)

    def test_in_a_transaction_it_has_what_its_block_did(self, open: Open) -> None:
        store = open(writeback=False)
        store.update({number: number for number in range(0, 40, 2)})
        with transaction(store) as inside:
            inside.update({5: "new", 6: "changed", 99: "last"})
            del inside[4]
            before_ten = [(0, 0), (2, 2), (5, "new"), (6, "changed"), (8, 8)]
            assert list(inside.range(before=10)) == list(inside.range(limit=5)) == before_ten
            assert list(inside.range(before=10, reverse=True)) == before_ten[::-1]
            assert list(inside.range(limit=1, reverse=True)) == [(99, "last")]
            assert (5 in inside, 4 in inside, 8 in inside) == (True, False, True)
        assert list(store.range(before=10)) == before_ten
        with pytest.raises(Conflict) as caught, transaction(store) as inside:
            inside["sum"] = [value for _key, value in inside.range(start=10, before=20)]
            store[14] = "meanwhile"
        assert caught.value.keys == [14]

    def test_bad_arguments_are_refused_by_the_call_itself(self, store: StoreBackend[Any]) -> None:
        store["k"] = 1
        for given, error in AWKWARD:
            with pytest.raises(error):
                store.range(**given)
        assert list(store.range(limit=0)) == []
        assert list(store.range(start="k", before="k")) == []
        assert list(store.range(start="z", before="a")) == []

    def test_a_value_that_cannot_be_read_is_one_error_and_no_end(self, open: Open) -> None:
        open(writeback=False)._write(
            {f"k{n}": b"1" if n % 3 else b'{"$tuple":1}' for n in range(7)}, {}
        )
        pairs, met = open().range(), list[Any]()
        for _ in range(7):
            try:
                met.append(next(pairs)[0])
            except CorruptData as exc:
                met.append((exc.key,))
        assert met == [("k0",), "k1", "k2", ("k3",), "k4", "k5", ("k6",)]
        assert list(pairs) == []

    def test_a_key_that_stays_is_met_once_whatever_others_do(self, open: Open) -> None:
        store = open()
        staying = [f"{number:03}" for number in range(0, 400, 2)]
        store.update(dict.fromkeys(staying, "stays"))

        def work(number: int) -> list[Any]:
            if number == 0:
                for odd in range(1, 400, 2):
                    store[f"{odd:03}"] = "comes"
                    store.pop(f"{(odd * 7) % 400 // 2 * 2 + 1:03}", None)
                return []
            turned = number == 1
            pairs = store.range(reverse=turned) if number < 3 else ((key, "") for key in store)
            return [key for key, _ in pairs if int(key) % 2 == 0][:: -1 if turned else 1]

        _writes, backwards, forwards, iterated = together(4, work)
        assert backwards == forwards == staying
        assert sorted(iterated) == staying

    def test_what_was_read_of_a_range_stays_true_after_changes(
        self, store: StoreBackend[Any]
    ) -> None:
        store.update({f"{number:04}": number for number in range(200)})
        met = []
        for key, _value in store.range():
            met.append(key)
            del store[key]
            store[f"{int(key) - 1:04}" if key != "0000" else "!"] = "behind us"
            assert len(met) <= 200
        assert met == [f"{number:04}" for number in range(200)]
