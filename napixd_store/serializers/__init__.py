"""Serializers: a value to a record (the bytes that a backend keeps) and back.

A record is JSON text, whichever serializer wrote it. What comes back is equal and of the same
types, or the value was refused. The package knows nothing of stores: its errors name the place
inside the value, and the caller adds which store and key.
"""

from typing import Any

from napixd_store.errors import ConfigError
from napixd_store.options import Secret
from napixd_store.serializers.serializer import Serializer
from napixd_store.serializers.tagged import JSONSerializer

__all__ = ["JSONSerializer", "Serializer", "choose"]


def choose(
    backend: str,
    collection: str,
    *,
    type: Any = None,
    serializer: str = "json",
    secret: Secret | bytes | None = None,
) -> Serializer:
    """Return the serializer that a store's options ask for.

    Raises:
        ConfigError: the options contradict each other, or *type* cannot be decoded.
    """
    if serializer == "pickle":
        key = secret.reveal.encode() if isinstance(secret, Secret) else secret
        if not key or type is not None:
            raise ConfigError(f"{backend}: serializer='pickle' needs secret= and takes no type=")
        from napixd_store.serializers.pickled import PickleSerializer  # who asks for it pays

        return PickleSerializer(key, (backend, collection))
    if secret is not None:
        raise ConfigError(f"{backend}: secret= is for serializer='pickle'; JSON is not signed")
    if type is None:
        return JSONSerializer()
    from napixd_store.serializers.typed import TypedSerializer  # who declares types pays for it

    try:
        return TypedSerializer(type)
    except Exception as exc:  # resolving its annotations runs the type's own code
        raise ConfigError(f"{backend}: type={type!r} cannot be decoded: {exc}") from exc
