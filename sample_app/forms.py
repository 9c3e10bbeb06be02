"""Forms that only the desk's own pages can send (no cross-site request forgery).

A cookie names the browser, and a token in each form proves that the form was made for it: an HMAC
of the cookie, under a secret that a store keeps, so that all processes of the desk share it. Both
are plain text. Bottle's own signed cookies are not used: reading one unpickles it.
"""

import hmac
import secrets

from bottle import HTTPError, request, response

from napixd_store import StoreBackend
from sample_app.web import fields

Secrets = StoreBackend[str]

Drafts = StoreBackend[dict[str, str]]
"""Token of a browser -> the fields of a form that it could not hand in."""

COOKIE = "desk"
REFUSED = (
    "this form was not made for this browser, or too long ago, so nothing was changed: load the "
    "page of the form again, and send it once more"
)


def token(forms: Secrets) -> str:
    """Return the token for a form of this browser, to which the cookie may be new."""
    browser = request.get_cookie(COOKIE)
    if not browser:
        browser = secrets.token_urlsafe(16)
        https = request.urlparts.scheme == "https"
        response.set_cookie(COOKIE, browser, path="/", httponly=True, samesite="lax", secure=https)
    return signed(browser, forms)


def known(forms: Secrets) -> str:
    """Return the token of this browser; "", which is no key of a store, if it has none yet."""
    browser = request.get_cookie(COOKIE)
    return signed(browser, forms) if browser else ""


def received(forms: Secrets) -> dict[str, str]:
    """Return the fields of a form that a page of ours sent from this browser, or refuse it."""
    said, browser = fields(), request.get_cookie(COOKIE)
    came = said.pop("token", "")
    genuine = browser and hmac.compare_digest(signed(browser, forms).encode(), came.encode())
    if not genuine:
        raise HTTPError(403, REFUSED)
    return said


def signed(browser: str, forms: Secrets) -> str:
    """Return the HMAC of a browser's cookie; of all processes, one makes up the secret."""
    secret = forms.get("secret") or forms.setdefault("secret", secrets.token_hex())
    return hmac.new(secret.encode(), browser.encode(), "sha256").hexdigest()
