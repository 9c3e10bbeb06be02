"""Every error this library raises, in one tree.

::

    StoreError
    ├── NoSuchStoreBackend (LookupError)      a name does not lead to a class
    ├── ConfigError (ValueError)              an option, a setting, rights or a version are wrong
    ├── InvalidName (ValueError, TypeError)   a collection or counter name that no backend takes
    ├── InvalidKey (ValueError, TypeError)    a key that no backend takes
    │   └── NoSuchKey (KeyError)              and so is not there to be read
    ├── InvalidValue (ValueError, TypeError)  a value that would not come back equal
    ├── WrongType (TypeError)                 the key holds something else than the operation needs
    ├── CounterOverflow (OverflowError)       outside −2**63 … 2**63−1; the number is unchanged
    ├── LimitReached                          the sum would pass its bound; nothing is changed
    ├── CorruptData (ValueError)              unreadable or foreign data, left as it was found
    ├── ImportRefused (ValueError)            another store holds what cannot be taken over
    ├── Conflict                              somebody else changed it meanwhile; nothing applied
    │   └── PreconditionFailed                it is in another version than was asked for
    ├── Unavailable (ConnectionError)         the medium does not answer; not applied
    ├── OutcomeUnknown (ConnectionError)      the medium broke off in the middle; MAYBE applied
    │   └── NotReplicated                     fewer replicas have it than were asked for
    ├── StoreFull (OSError)                   no room; not applied, the old data is intact
    └── ReadOnly (PermissionError)            no right to write; not applied

and one warning: `EvictingWarning`, for a server that may drop what is stored.

Each is also the built-in exception in brackets, so that code which knows nothing of us can
catch it. A message says what happened, where, whether the change was applied and what to do
next. It shows keys and names, never a value and never a secret.
"""

from collections.abc import Iterable
from typing import Any


class StoreError(Exception):
    """The root: ``except StoreError`` catches whatever this library raises on purpose."""


class NoSuchStoreBackend(StoreError, LookupError):
    """A backend's name does not lead to a class."""


class ConfigError(StoreError, ValueError):
    """An option is unknown or mistyped, or the medium cannot give what was asked of it."""


class InvalidName(StoreError, ValueError, TypeError):
    """A collection's or counter's name is not a text of 1 to 1,000 characters."""


class InvalidKey(StoreError, ValueError, TypeError):
    """A key is neither an ``int`` of 64 bits nor a text of 1 to 1,000 characters.

    ``refused`` is a tuple of that key, for whoever asks where it came from.
    """

    __slots__ = ("refused",)  # not in `__dict__`, which pickles and reports of errors show

    def __init__(self, message: str, *, refused: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.refused = refused


class NoSuchKey(InvalidKey, KeyError):
    """A key that cannot be stored was looked up, so it is not there."""

    __slots__ = ()

    __str__ = Exception.__str__  # a sentence, where KeyError shows a repr


class InvalidValue(StoreError, ValueError, TypeError):
    """A value would not come back equal and of the same type, so it was refused.

    ``refused`` is a tuple of that value, as it was given, for whoever asks where it came from.
    """

    __slots__ = ("refused",)  # as above

    def __init__(self, message: str, *, refused: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.refused = refused


class WrongType(StoreError, TypeError):
    """What is stored there is not of the type that the operation works on."""


class CounterOverflow(StoreError, OverflowError):
    """The result would leave the range −2**63 … 2**63−1; the number is unchanged."""


class LimitReached(StoreError):
    """The sum would be above ``at_most``, so nothing was changed.

    ``retry_after`` is in how many seconds the number ends and a new one begins; None: never.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CorruptData(StoreError, ValueError):
    """What is stored cannot be read, or is not ours; it was left exactly as it is.

    ``key`` is the key whose value it is; None where it is another thing, or more than one value.
    """

    def __init__(self, message: str, key: str | int | None = None) -> None:
        super().__init__(message)
        self.key = key


class ImportRefused(StoreError, ValueError):
    """An entry of another store cannot be taken over; nothing was written.

    ``report`` lists all such entries, with their places.
    """

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class Conflict(StoreError):
    """A key changed after it was read, so nothing of the write was applied.

    ``keys`` lists the keys concerned, as the caller knows them.
    """

    def __init__(self, message: str, keys: Iterable[str | int] = ()) -> None:
        super().__init__(message)
        self.keys = list(keys)


class PreconditionFailed(Conflict):
    """A key is not in a version that ``if_match`` asks for, or is absent; nothing was changed."""


class Unavailable(StoreError, ConnectionError):
    """The medium does not answer; the operation was **not** applied."""


class OutcomeUnknown(StoreError, ConnectionError):
    """The medium broke off in the middle; the operation **may or may not** be applied."""


class NotReplicated(OutcomeUnknown):
    """Too few replicas confirmed the write; a failover **may or may not** lose it."""


class StoreFull(StoreError, OSError):
    """There is no room left; the operation was not applied and the old data is intact."""


class ReadOnly(StoreError, PermissionError):
    """The medium may be read but not written; the operation was not applied."""


class EvictingWarning(UserWarning):
    """The server drops data when it needs room; nothing that must be kept should be there."""
