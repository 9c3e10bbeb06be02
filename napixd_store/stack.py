"""The stack: work that finds it nearly used up is done where all of it is free.

A RecursionError says that the work *and* its caller are nested too deeply. Whoever calls this
library from deep down must not hear that sound data is damaged, or that a value cannot be kept.
"""

import _thread  # threading.Thread would need some frames more than may be left
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_this_thread = threading.local()


def elsewhere(too_deep: Exception, work: Callable[..., T], *arguments: Any) -> T:
    """Return ``work(*arguments)``, run in a thread of its own, whose stack is empty.

    For whoever caught a RecursionError. Where *work* comes back here from such a thread, a
    whole stack was not enough, and *too_deep* is raised.

    Raises:
        RecursionError: no thread can be started, so that nobody knows.
    """
    if hasattr(_this_thread, "is_elsewhere"):
        raise too_deep
    context = contextvars.copy_context()
    results: list[T] = []
    errors: list[BaseException] = []
    done = _thread.allocate_lock()
    done.acquire()

    def run() -> None:
        try:
            _this_thread.is_elsewhere = True
            results.append(context.run(work, *arguments))
        except BaseException as exc:  # noqa: BLE001 - whatever it is, the caller raises it
            errors.append(exc)
        finally:
            done.release()

    try:
        _thread.start_new_thread(run, ())
    except RuntimeError as exc:
        raise RecursionError("no stack is left, and no thread with its own can be started") from exc
    done.acquire()
    if errors:
        raise errors.pop()
    return results.pop()
