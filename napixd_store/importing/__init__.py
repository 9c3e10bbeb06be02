"""Take over the data of other stores: their formats are read here, and their code is never run.

A *source* reads what is there, pair by pair and unchanged: `napix`, `napix_redis`, `shelve`,
`sqlitedict`, `diskcache`, `pickledb`, `json_object`, `sqlite_table`. `take` looks at all of it, and
writes it into a store if all of it fits. Pickles are read by a machine of our own that knows
built-in types alone and calls nothing: whatever else they ask for is told with its place.

None of the libraries need be installed.
"""

from napixd_store.importing.diskcaches import diskcache
from napixd_store.importing.entries import Collection, Entry, Pair, Source, Unreadable
from napixd_store.importing.jsons import json_object
from napixd_store.importing.napix import napix
from napixd_store.importing.napix_redis import FoundCounter, napix_counters, napix_redis
from napixd_store.importing.shelves import shelve
from napixd_store.importing.tables import pickledb, sqlite_table, sqlitedict
from napixd_store.importing.taking import Report, take, take_counter

__all__ = [
    "Collection",
    "Entry",
    "FoundCounter",
    "Pair",
    "Report",
    "Source",
    "Unreadable",
    "diskcache",
    "json_object",
    "napix",
    "napix_counters",
    "napix_redis",
    "pickledb",
    "shelve",
    "sqlite_table",
    "sqlitedict",
    "take",
    "take_counter",
]
