"""A proxy before a real server that loses replies, or takes its time, when told to."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from selectors import EVENT_READ, DefaultSelector


class Proxy:
    """Forwards bytes; of requests that match, the reply is cut off or held back for ever.

    While it is `silent`, all that the server says is lost, and the connections stay open.
    """

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._lock = threading.Lock()
        self.pause = 0.0  # seconds before each piece of a request is passed on
        self.drip = 0.0  # seconds behind each byte of a reply
        self.late = 0.0  # seconds before what is told on a connection that is tracked
        self.silent = False  # nothing that the server says comes through
        self.arm(b"", 0)
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, wanted: bytes, times: int, *, skip: int = 0, keep: int | None = 0) -> None:
        """Lose the replies to the next *times* requests with *wanted* in them, after *skip*.

        The first *keep* bytes pass, then the connection is closed; None never lets any pass.
        """
        with self._lock:
            self._wanted, self._times, self._skip, self._keep = wanted, times, skip, keep
            self.lost = 0

    def _is_lost(self, request: bytes) -> bool:
        with self._lock:
            if self._wanted not in request or not self._times:
                return False
            if self._skip:
                self._skip -= 1
                return False
            self._times -= 1
            self.lost += 1
            return True

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        held = False
        with suppress(OSError):
            upstream = socket.create_connection(("127.0.0.1", self._upstream))
            with client, upstream as server, DefaultSelector() as ready:
                ready.register(client, EVENT_READ)
                ready.register(server, EVENT_READ)
                losing = tracked = False
                while True:
                    for key, _ in ready.select():
                        data = key.fileobj.recv(2**16)  # type: ignore[union-attr]
                        if not data:
                            return
                        if key.fileobj is client:
                            time.sleep(self.pause)
                            tracked = tracked or b"TRACKING" in data
                            losing = losing or self._is_lost(data)
                            server.sendall(data)
                        elif self.silent:
                            held = True
                        elif not losing:
                            time.sleep(self.late if tracked else 0)
                            for piece in self._dripping(data):
                                client.sendall(piece)
                        elif self._keep is not None and not held:
                            client.sendall(data[: self._keep])
                            return
                        else:
                            held = True

    def _dripping(self, data: bytes) -> Iterator[bytes]:
        if not self.drip:
            yield data
            return
        for byte in data:
            yield bytes([byte])
            time.sleep(self.drip)

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()


@contextmanager
def before(port: int) -> Iterator[Proxy]:
    """Put a proxy before the server at *port*."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
