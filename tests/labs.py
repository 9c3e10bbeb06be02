"""What a lab (a test that needs a tool, or root) does where it cannot run."""

import os

import pytest

REQUIRED = os.environ.get("NAPIXD_REQUIRE_LABS") == "1"
"""Set in CI: there a lab that cannot run is a failure, for a silent skip proves nothing."""


def need(condition: bool, reason: str) -> None:
    """Go on if *condition*; else skip with *reason*, or fail where labs are required."""
    if not condition:
        if REQUIRED:
            pytest.fail(f"this lab must run here, but {reason}")
        pytest.skip(reason)
