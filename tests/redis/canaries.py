"""Secrets that must show nowhere, and what looks for them when a call fails."""

import traceback
from collections.abc import Callable

import pytest

from napixd_store import StoreError

PASSWORD = "canary-password-3141"
VALUE = "canary-value-2718"


def fails(kind: type[StoreError], call: Callable[[], object], *words: str) -> None:
    """Let *call* on ``boxes`` fail with exactly *kind*, saying *words*, in a line, no secret."""
    with pytest.raises(StoreError) as caught:
        call()
    exc, text = caught.value, str(caught.value)
    assert type(exc) is kind, text
    assert "\n" not in text
    for word in ("Redis", "'boxes'", *words):
        assert word in text, text
    shown = "".join(traceback.TracebackException.from_exception(exc, capture_locals=True).format())
    frames = [frame for frame in shown.split("  File ") if "/tests/redis/" not in frame]
    assert len(frames) > 1, shown
    assert PASSWORD not in "".join(frames)
    assert VALUE not in text
