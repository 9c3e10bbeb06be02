"""Archives: all collections and counters of a place in one file, to keep, to send, to put back.

>>> from napixd_store import Counter, Store, archive
>>> from napixd_store.operations import Place
>>> Store("users", "SQLite", path="desk.sqlite")["ann"] = {"admin": True}
>>> Counter("ids", "SQLite", path="desk.sqlite").increment(16)
16
>>> desk = Place("SQLite", path="desk.sqlite")
>>> archive.dump(desk, "desk.archive")
Archived(collections={'users': 1}, counters={'ids': 16})
>>> print(b"".join(archive.lines(desk)).decode())
{"napixd-store-archive":1}
{"collection":"users","store":"SQLiteStore"}
["ann",{"admin":true}]
{"records":1}
{"counter":"ids","value":16}
{"collections":1,"counters":1,"records":1,"sha256":"..."}
<BLANKLINE>
"""

from napixd_store.operations.dumping import dump, lines
from napixd_store.operations.format import Archived, Collection, Item, Number, Record
from napixd_store.operations.loading import load, read, verify

__all__ = [
    "Archived",
    "Collection",
    "Item",
    "Number",
    "Record",
    "dump",
    "lines",
    "load",
    "read",
    "verify",
]
