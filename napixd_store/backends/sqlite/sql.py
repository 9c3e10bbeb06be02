"""The SQL of a store: a statement for each thing that it does."""

from napixd_store.backends.sqlite.layout import LAST_ID
from napixd_store.deadline import FRONT

AT_ONCE = 200  # keys in one statement, which is prepared once however many are asked
_SHORT = 4096  # bytes of a record that are as soon read as not
_PLACES = ",".join("?" * AT_ONCE)

# A collection's number belongs to the file, and another file may give it to another collection; so
# may this one, after a drop. So each statement looks it up, which costs no more than to be told it.
ID = "SELECT id FROM collections WHERE name = ?"
# A new number is the largest so far and one. Once the last is taken, those that drops freed are.
_FREE_ID = (
    "SELECT min(id) + 1 FROM (SELECT 0 AS id UNION ALL SELECT id FROM collections) AS used "
    "WHERE NOT EXISTS (SELECT 1 FROM collections WHERE id = used.id + 1)"
)
NEW_ID = (
    f"INSERT INTO collections (id, name) VALUES (CASE WHEN "
    f"(SELECT max(id) FROM collections) >= {LAST_ID} THEN ({_FREE_ID}) END, ?) RETURNING id"
)
_OWN = "seq > id << 40 AND seq < (id + 1) << 40"
_LIVING = "coalesce(until > ?, TRUE)"
COLLECTIONS = (
    f"SELECT name FROM collections WHERE name IS NOT NULL AND EXISTS "
    f"(SELECT 1 FROM entries WHERE {_OWN} AND {_LIVING}) ORDER BY name"
)

ONE = f"SELECT record FROM entries WHERE collection = ({ID}) AND key = ?"
MANY = f"SELECT key, record FROM entries WHERE collection = ({ID}) AND key IN ({_PLACES})"
ALL = f"SELECT key, record FROM collections JOIN entries ON {_OWN} WHERE name = ? ORDER BY seq"
# To look at the front of a record is to read all of it, and at its deadline, too. So a long one's
# is looked for among the dead in the index.
_FRONT = (
    f"CASE WHEN length(record) <= {_SHORT} THEN record WHEN EXISTS (SELECT 1 FROM entries AS dead "
    f"INDEXED BY deadlines WHERE dead.collection = entries.collection AND dead.until <= ? "
    f"AND +dead.seq = entries.seq) THEN substr(record, 1, {FRONT}) ELSE x'' END"
)
ONE_IF_SHORT = ONE.replace("record", f"iif(length(record) <= {_SHORT}, record, NULL)", 1)
ONE_FRONT = f"SELECT {_FRONT} FROM entries WHERE collection = ({ID}) AND key = ?"
_NEXT_OF = (
    "SELECT seq - (id << 40), key, {} FROM collections JOIN entries "
    "ON seq > (id << 40) + ? AND seq <= (id << 40) + ? WHERE name = ? ORDER BY seq LIMIT ?"
)
NEXT, NEXT_FRONTS = _NEXT_OF.format("record"), _NEXT_OF.format(_FRONT)
UP = (
    f"SELECT key, record FROM entries WHERE collection = ({ID}) AND key >= ? AND key < ? "
    f"ORDER BY key LIMIT ?"
)
DOWN = UP.replace("ORDER BY key", "ORDER BY key DESC")
_LAST = f"coalesce((SELECT max(seq) FROM entries WHERE {_OWN}) - (id << 40), 0)"
NEWEST = f"SELECT {_LAST} FROM collections WHERE name = ?"
_DEAD = "SELECT count(*) FROM entries WHERE collection = id AND until <= ?"
SIZE = f"SELECT max(0, {_LAST} - holes - ({_DEAD})) FROM collections WHERE name = ?"

_INSERT = (
    f"INSERT INTO entries (collection, key, record, seq) VALUES (({ID}), ?, ?, "
    f"(SELECT (id << 40) + 1 + {_LAST} FROM collections WHERE name = ?)) "
)
_OR_REPLACE = "ON CONFLICT (collection, key) DO UPDATE SET record = excluded.record"
PUT = _INSERT + _OR_REPLACE
PUT_NEW = _INSERT + "ON CONFLICT DO NOTHING"
REPLACE = f"UPDATE entries SET record = ? WHERE collection = ({ID}) AND key = ?"
REPLACE_IF = f"{REPLACE} AND record = ?"
DELETE = f"DELETE FROM entries WHERE collection = ({ID}) AND key = ?"
DELETE_IF = f"{DELETE} AND record = ?"
DELETE_LIVING = f"{DELETE} AND {_LIVING}"
SWEEP = (
    f"DELETE FROM entries WHERE seq IN "
    f"(SELECT seq FROM entries WHERE collection = ({ID}) AND until <= ? LIMIT ?)"
)

# What has no name was dropped; how its entries leave is told in `erasing`.
DROP = "UPDATE collections SET name = NULL WHERE name = ? RETURNING id"
DROPPED = "SELECT id FROM collections WHERE name IS NULL ORDER BY id <> ?"
# Of two upper bounds SQLite would look for one alone, and go on to the end of the collection.
ERASE = (
    "DELETE FROM entries WHERE seq > :id << 40 AND seq <= coalesce((SELECT seq FROM entries "
    "WHERE seq > :id << 40 AND seq < (:id + 1) << 40 ORDER BY seq LIMIT 1 OFFSET :many - 1), "
    "((:id + 1) << 40) - 1)"
)
ERASED = "DELETE FROM collections WHERE id = ?"

# Inside a transaction, which has the write lock, the number stays what it is.
PUT_MANY = "INSERT INTO entries (record, collection, key, seq) VALUES (?, ?, ?, ?) " + _OR_REPLACE
REPLACE_MANY = "UPDATE entries SET record = ? WHERE collection = ? AND key = ?"
DELETE_MANY = "DELETE FROM entries WHERE collection = ? AND key = ?"
NEWER = "SELECT count(*), max(seq) FROM entries WHERE seq > ? AND seq < ?"
HOLES = "UPDATE collections SET holes = holes + ? WHERE id = ?"
