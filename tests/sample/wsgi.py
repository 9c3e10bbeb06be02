"""WebTest's client, imported in spite of a warning that is none of ours."""

import warnings

with warnings.catch_warnings():
    # WebOb imports cgi wherever Python still has it.
    warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
    from webtest import TestApp

__all__ = ["TestApp"]
