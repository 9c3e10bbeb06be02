"""The contract of versions: tags, and writes on the condition of one."""

from collections.abc import Callable
from typing import Any

import pytest

from napixd_store.base import StoreBackend
from napixd_store.engine.change import DELETE
from napixd_store.errors import Conflict, InvalidValue, PreconditionFailed
from napixd_store.testing.cases import Clock, Open, together


def edit(store: StoreBackend[Any], **more: Any) -> None:
    """Change the value under ``k`` in place."""
    with store.edit("k", **more) as value:
        value.append("changed")


WRITES: dict[str, Callable[..., object]] = {
    "put": lambda store, **more: store.put("k", ["changed"], **more),
    "edit": edit,
    "edit with a default": lambda store, **more: edit(store, default=[], **more),
    "compute": lambda store, **more: store.compute("k", lambda value: [*value, 2], **more),
    "compute to delete": lambda store, **more: store.compute("k", lambda _value: DELETE, **more),
    "pop": lambda store, **more: store.pop("k", **more),
    "pop with a default": lambda store, **more: store.pop("k", None, **more),
}
"""Whatever takes ``if_match``."""

RIGHT = ["{}", "*", " * ", '{}, "b"', '"a",{}', '"a,b" ,\t{} ', 'W/"a", {}', ",{},"]
WRONG = ["", '"other"', "W/{}", "w/{}", "{0}{0}", "{}x", "x{}", '"{}"', '"a, {}', '"a,{},"b"']
WRONG += ['"*"', "*, {}x", "'{}'", '"a" {}', '"']
"""``If-Match`` headers, in which the tag of what is there stands for ``{}``."""


class VersionsContract:
    """``etag`` and ``if_match``; a part of `StoreContract`."""

    @pytest.mark.parametrize("write", WRITES)
    def test_the_right_version_is_written(
        self, open: Open, store: StoreBackend[Any], write: str
    ) -> None:
        for asked in RIGHT:
            store.update({"k": [1], "other": 2})
            before = store.etag("k")
            WRITES[write](store, if_match=asked.format(before))
            assert store.get("k") != [1]
            assert store.etag("k") != before
        store.save()
        assert open().get("k") == store.get("k")
        assert open()["other"] == 2

    @pytest.mark.parametrize("write", WRITES)
    def test_another_version_is_left_as_it_is(
        self, open: Open, store: StoreBackend[Any], write: str
    ) -> None:
        store.update({"k": [1], "other": 2})
        tag = store.etag("k")
        for asked in WRONG:
            with pytest.raises(PreconditionFailed, match="nothing was changed") as caught:
                WRITES[write](store, if_match=asked.format(tag))
            assert caught.value.keys == ["k"]
            assert isinstance(caught.value, Conflict)
        store.save()
        assert store == open() == {"k": [1], "other": 2}
        assert store.etag("k") == tag

    @pytest.mark.parametrize("write", WRITES)
    def test_what_is_absent_or_over_is_in_no_version(
        self, store: StoreBackend[Any], clock: Clock, write: str
    ) -> None:
        for asked in ("*", '"a"', "*"):
            assert store.etag("k") is None
            with pytest.raises(PreconditionFailed) as caught:
                WRITES[write](store, if_match=asked)
            assert caught.value.keys == ["k"]
            assert store == {}
            store.put("k", [1], expires_in=60)
            assert store.etag("k") is not None
            clock.advance(60)

    @pytest.mark.parametrize("write", WRITES)
    def test_if_match_is_a_text(self, store: StoreBackend[Any], write: str) -> None:
        store["k"] = [1]
        for bad in (b'"a"', 1, ["*"], True):
            with pytest.raises(InvalidValue, match="if_match"):
                WRITES[write](store, if_match=bad)
        assert store["k"] == [1]
        WRITES["put"](store, if_match=None)
        assert store["k"] == ["changed"]

    def test_a_tag_is_strong_and_that_of_the_value(
        self, open: Open, store: StoreBackend[Any], clock: Clock
    ) -> None:
        store.update({"k": [1], 17: [1], "j": [1, None], "i": [1.0]})
        tags = [store.etag(key) for key in ("k", 17, "j", "i")]
        assert tags[0] == tags[1]
        assert len(set(tags)) == 3
        assert all(tag and tag[0] == tag[-1] == '"' and tag.isascii() for tag in tags)
        store.touch("k", expires_in=60)
        assert store.etag("k") == tags[0]
        store.put("k", [1], expires_in=9)
        assert store.etag("k") == tags[0]
        store.save()
        assert open().etag("k") == open(writeback=False).etag("k") == tags[0]
        store["k"] = [2]
        assert store.etag("k") != tags[0]
        store["k"] = [1]
        assert store.etag("k") == tags[0]
        assert store.etag("missing") is store.etag("") is None

    def test_the_tag_of_what_is_unsaved_is_that_of_what_is_saved(
        self, open: Open, store: StoreBackend[Any]
    ) -> None:
        store["k"] = [1]
        store.save()
        before = store.etag("k")
        if not store.writeback:
            store["k"] = [1, 2]
        store["k"].append(2)  # lost without a working copy, as with any value that was read
        unsaved = store.etag("k")
        assert unsaved != before
        with pytest.raises(PreconditionFailed):
            store.put("k", [3], if_match=before)
        store.save()
        assert store.etag("k") == open(writeback=False).etag("k") == unsaved

    def test_a_version_that_others_replace_meanwhile_is_not_written(
        self, open: Open, store: StoreBackend[Any]
    ) -> None:
        store["k"] = [1]
        store.save()
        tag = store.etag("k")
        with (
            pytest.raises(PreconditionFailed),
            store.edit("k", if_match=tag) as value,
        ):
            store["k"] = [2]
            value.append(3)
        assert store["k"] == [2]

    def test_of_many_that_saw_one_version_one_writes(
        self, open: Open, store: StoreBackend[Any]
    ) -> None:
        for write in WRITES.values():
            store["k"] = [0]
            tag = store.etag("k")

            def won(_number: int, write: Any = write, tag: Any = tag) -> bool:
                try:
                    write(store, if_match=tag)
                except PreconditionFailed:
                    return False
                return True

            assert sorted(together(4, won)) == [False, False, False, True]

    def test_a_deadline_stays_where_a_version_is_edited(
        self, store: StoreBackend[Any], clock: Clock
    ) -> None:
        store.put("k", [1], expires_in=60)
        edit(store, if_match=store.etag("k"))
        assert store.expires_in("k") == 60
        store.put("k", [1], expires_in=9, if_match=store.etag("k"))
        assert store.expires_in("k") == 9
