"""Redis and Valkey: where a service goes that outgrew one machine.

========================  =========================================  ===================
class                     what stands in the server                  default policy
========================  =========================================  ===================
`RedisStore`              one string a collection: a JSON object     write-back
`RedisHashStore`          one hash a collection, a field a key       write-through
`RedisKeyStore`           one string a key, and a set of the keys    write-through
`RedisCounter`            one string a counter                       –
========================  =========================================  ===================

Needs redis-py 5.3 or newer (``pip install 'redis[hiredis]'``) and a server of Redis 5 or
newer, or Valkey.
"""

from napixd_store.backends.redis.blob import RedisStore
from napixd_store.backends.redis.counter import RedisCounter
from napixd_store.backends.redis.hash import RedisHashStore
from napixd_store.backends.redis.key import RedisKeyStore

__all__ = ["RedisCounter", "RedisHashStore", "RedisKeyStore", "RedisStore"]
