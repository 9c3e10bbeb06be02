"""The layout of the SQLite file, to be read with any SQLite tool.

One file holds all collections and counters::

    SELECT key, record FROM records WHERE collection = 'tickets';
    SELECT name, value FROM counters;

An entry's ``seq`` is its collection's id * 2**40 + n, with n counting up from 1. So the entries of
a collection lie together in the order of insertion without an index for it, and its size is the
newest n less the ``holes``, the numbers below it that are free: a new entry, the commonest write
of all, touches no second table.

A record's deadline (`napixd_store.deadline`) is read from the record itself, into a column that is
not stored, and an index of those that have one; so other tools keep it right, too.

Whoever deletes a collection's row erases the collection: its entries go with it, and its id may
be the next one's. No process holds an id longer than one transaction; a name is what it holds.
So to take the name from a row is to drop the collection at once, however large: its entries are
nobody's then, and `erasing` deletes them by and by, and the row when none is left.

The checks and triggers bind whoever writes with another tool: no row counts for two collections,
or for none. Files that were made before there were any are as good without the checks.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path

from napixd_store.deadline import MARK

APPLICATION_ID = 0x4E50_5844
"""``NPXD``, in the header of every file of ours."""

VERSION = 4
"""Looked for in the file alone: whoever raises it copies the log to the file, see `upgrade`."""

LAST_ID = 2**23 - 2
"""That of a collection: the first number of the next one must fit into 64 bits, too."""

COOKIES = 2**31
"""So many numbers the schema cookie takes, which `log` uses."""

ALONE = "mode=ro&immutable=1"
"""How SQLite opens a file without its log; by ``immutable=1`` alone it would create one."""

ALL = "SELECT 1 FROM collections, entries, counters LIMIT 0"
"""Fails unless all tables are there."""

_MARK = MARK.decode()
_DEADLINE = f"""INTEGER AS (
        CASE WHEN record BETWEEN CAST('{_MARK}0' AS BLOB) AND CAST('{_MARK}:' AS BLOB)
        THEN nullif(CAST(substr(record, {len(MARK) + 1}, 20) AS INTEGER), 0) END
    )"""
"""That of a record, in milliseconds since 1970: NULL where it has none, or none that ends.

A digit follows what a deadline begins with, and the colon sorts next after the nine.
"""

_COLLECTIONS = f"""(
    id    INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND {LAST_ID}),
    name  TEXT UNIQUE,
    holes INTEGER NOT NULL DEFAULT 0
) STRICT"""
_HOLES = """CREATE TRIGGER holes AFTER DELETE ON entries
WHEN (SELECT name FROM collections WHERE id = old.collection) IS NOT NULL BEGIN
    UPDATE collections SET holes = holes + 1 - max(0, old.seq - coalesce(
        (SELECT max(seq) FROM entries WHERE seq > id << 40 AND seq < (id + 1) << 40), id << 40
    )) WHERE id = old.collection;
END"""
_NAME_KEPT = """CREATE TRIGGER name_kept BEFORE UPDATE OF id, name ON collections
WHEN new.name IS NOT NULL OR new.id IS NOT old.id BEGIN
    SELECT raise(ABORT, 'a collection keeps its number and name: entries and processes hold them');
END"""
_ERASE = """CREATE TRIGGER erase AFTER DELETE ON collections BEGIN
    DELETE FROM entries WHERE seq > old.id << 40 AND seq < (old.id + 1) << 40;
END"""
_INDEX = "CREATE INDEX deadlines ON entries (collection, until) WHERE until IS NOT NULL"
_VIEW = """CREATE VIEW records AS
    SELECT name AS collection, key, CAST(record AS TEXT) AS record,
        datetime(until / 1000, 'unixepoch') AS until
    FROM entries JOIN collections ON collections.id = entries.collection
    WHERE name IS NOT NULL"""

_MARK_WHAT_LOOKS_SO = f"""
UPDATE entries SET record = CAST('{_MARK}null,' || record || ']}}' AS BLOB)
WHERE substr(record, 1, {len(MARK)}) = CAST('{_MARK}' AS BLOB)
"""  # noqa: S608 - its parts are these constants

SCHEMA = f"""
CREATE TABLE collections {_COLLECTIONS};
CREATE TABLE entries (
    seq        INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL REFERENCES collections,
    key        TEXT NOT NULL CHECK (key <> ''),
    record     BLOB NOT NULL,
    until      {_DEADLINE},
    UNIQUE (collection, key),
    CHECK (collection > 0 AND collection = seq >> 40 AND seq & 1099511627775)
) STRICT;
{_HOLES};
{_NAME_KEPT};
{_ERASE};
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
{_INDEX};
{_VIEW};
"""

UPGRADES = {
    1: (
        _MARK_WHAT_LOOKS_SO,
        f"ALTER TABLE entries ADD COLUMN until {_DEADLINE}",
        "DROP VIEW IF EXISTS records",
        "DROP TRIGGER IF EXISTS number_kept",
        _ERASE,
        _INDEX,
        _VIEW,
    ),
    2: ("UPDATE entries SET key = int_text(key) WHERE key GLOB '=[-0-9]*' AND int_text(key) > ''",),
    3: (
        "DROP VIEW IF EXISTS records",
        "DROP TRIGGER IF EXISTS holes",
        f"CREATE TABLE renewed {_COLLECTIONS}",
        "INSERT INTO renewed SELECT id, name, holes FROM collections",
        "DROP TABLE collections",
        "ALTER TABLE renewed RENAME TO collections",
        _HOLES,
        _NAME_KEPT,
        _ERASE,
        _VIEW,
    ),
}
"""An earlier version -> the statements that make the next one of it.

Up to 2 the text of an int key was its digits and sign behind the mark; ``int_text()`` makes the one
of `napixd_store.names` of it, the empty one where an int is none of 64 bits, and NULL of others. Up
to 3 each collection had a name, which only a table made anew can be without.
"""

TOO_LARGE = """
SELECT name, key FROM collections JOIN entries ON collection = collections.id
WHERE key GLOB '=[-0-9]*' AND int_text(key) = ''
AND (SELECT user_version FROM pragma_user_version()) < 3 LIMIT 1
"""
"""Finds a key of a version up to 2 that the next one cannot have."""


def cookie_of(path: Path) -> int | None:
    """Return the cookie of the file alone, without the log; None if it is not ours."""
    with suppress(sqlite3.Error):
        file = sqlite3.connect(f"{path.absolute().as_uri()}?{ALONE}", uri=True)
        try:
            (application,) = file.execute("PRAGMA application_id").fetchone()
            if application == APPLICATION_ID:
                return cookie_in(file)
        finally:
            file.close()
    return None


def cookie_in(file: sqlite3.Connection) -> int:
    """Return the cookie that *file* shows."""
    return int(file.execute("PRAGMA schema_version").fetchone()[0]) % COOKIES
