"""What an operator does with a place: archive, copy, move, back up, check.

Each works on any backend, by its two verbs and what it lists; see `Place`.
"""

from napixd_store.operations.backup import backup, restore
from napixd_store.operations.checking import Finding, check, repair
from napixd_store.operations.measuring import Size, Sizes, stat, vacuum
from napixd_store.operations.moving import Moved, copy, move
from napixd_store.operations.place import Place, place_of, places_of

__all__ = [
    "Finding",
    "Moved",
    "Place",
    "Size",
    "Sizes",
    "backup",
    "check",
    "copy",
    "move",
    "place_of",
    "places_of",
    "repair",
    "restore",
    "stat",
    "vacuum",
]
