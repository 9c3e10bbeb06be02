"""Pickles, for those who ask: the only place where one is read."""

import base64
from typing import Any

import msgspec

from napixd_store.errors import CorruptData, InvalidValue
from napixd_store.serializers.serializer import Serializer
from napixd_store.stack import elsewhere


class _Pickled(msgspec.Struct, rename={"pickle": "$pickle"}, forbid_unknown_fields=True):
    pickle: str


_PICKLED = msgspec.json.Decoder(_Pickled)


class PickleSerializer(Serializer):
    """Pickles, each signed with a secret over where it stands, for those who ask for them.

    Reading checks the signature (HMAC-SHA256, RFC 2104) before anything is unpickled, so who can
    write to the medium but does not know the secret cannot run code here. The signature covers
    *scope* (backend and collection) and key: a record moved elsewhere is refused. A record is
    JSON here too, ``{"$pickle":"<base64 of signature and pickle>"}``, so that every medium and
    tool may take it for text.
    """

    def __init__(self, secret: bytes, scope: tuple[str, ...]) -> None:
        import hashlib
        import hmac

        def sign(key: str, pickled: bytes) -> bytes:
            signed = hmac.new(secret, digestmod=hashlib.sha256)
            for part in (*scope, key):
                encoded = part.encode()
                signed.update(len(encoded).to_bytes(8, "big") + encoded)
            signed.update(pickled)
            return signed.digest()

        self._sign = sign
        self._equal = hmac.compare_digest

    def dumps(self, key: str, value: Any) -> bytes:
        """Return *value* pickled and signed for *key*."""
        import pickle

        try:
            pickled = pickle.dumps(value, protocol=4)
        except RecursionError:
            too_deep = InvalidValue("value is nested too deeply to be pickled")
            return elsewhere(too_deep, self.dumps, key, value)
        except Exception as exc:  # pickling runs the value's own __reduce__, which may raise all
            raise InvalidValue(f"value cannot be pickled ({type(exc).__name__})") from exc
        return msgspec.json.encode(
            {"$pickle": base64.b64encode(self._sign(key, pickled) + pickled).decode()}
        )

    def loads(self, key: str, record: bytes) -> Any:
        """Return the value of *record*, if it was signed with our secret for this very key."""
        import pickle

        try:
            signed = base64.b64decode(_PICKLED.decode(record).pickle, validate=True)
        except ValueError as exc:
            raise CorruptData("the record is not a signed pickle") from exc
        signature, pickled = signed[:32], signed[32:]
        if not self._equal(signature, self._sign(key, pickled)):
            raise CorruptData("the pickle's signature is wrong: another secret, or altered")
        try:
            return pickle.loads(pickled)  # noqa: S301 - signed by us, the only place
        except RecursionError:
            too_deep = CorruptData("the pickle is nested too deeply")
            return elsewhere(too_deep, self.loads, key, record)
        except Exception as exc:  # a class may be gone, and its __setstate__ may raise anything
            raise CorruptData(f"the pickle cannot be read ({type(exc).__name__})") from exc
