"""Files: readable with ``cat``, copied with ``cp``, no server; nothing acknowledged is lost."""

from napixd_store.backends.files.collection import FileStore
from napixd_store.backends.files.counter import FileCounter
from napixd_store.backends.files.directory import DirectoryStore

__all__ = ["DirectoryStore", "FileCounter", "FileStore"]
