"""An app behind a real server, in a process of its own: `Served`."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bottle import Bottle, HTTPError

from napixd_store_bottle import StorePlugin
from tests.processes import TIMEOUT

ROOT = Path(__file__).resolve().parents[2]
THREADS = 8

WORKERS = {"waitress": 1, "gunicorn": 2, "gevent": 1}
"""Server -> its processes; forked when the app has opened all it has, where they are several."""


def make_app(settings: Mapping[str, Any]) -> Bottle:
    """Return an app that has talked to all its stores and counters already."""
    app = Bottle()
    app.config.load_dict(settings)
    plugin = app.install(StorePlugin())

    def give(ids: Any) -> dict[str, int]:
        return {"id": ids.increment(), "pid": os.getpid()}

    def hit(key: str, hits: Any) -> dict[str, int]:
        return {"hits": hits.incr(key)}

    def note(key: str, notes: Any) -> dict[str, int]:
        notes[key] = os.getpid()
        return {"notes": len(notes)}

    def meet(key: str, me: str, notes: Any) -> dict[str, int]:
        """Change a key when another request has read it too; they meet in the folder.

        A process may serve both, or one of them.
        """
        notes[key] = notes.get(key, 0) + 1
        Path(me).touch()
        deadline = time.monotonic() + TIMEOUT
        while len(list(Path().glob("guest-*"))) < 2:
            if time.monotonic() > deadline:
                raise HTTPError(504, "nobody came")
            time.sleep(0.01)
        return {"pid": os.getpid()}

    def stream(notes: Any) -> Any:
        for number in range(3):
            notes[f"part-{number}"] = number
            yield f"{number}\n"

    def everything(hits: Any, notes: Any, ids: Any) -> dict[str, Any]:
        return {"hits": hits.snapshot(), "notes": notes.snapshot(), "ids": ids.value}

    app.post("/id", callback=give)
    app.post("/hit/<key>", callback=hit)
    app.post("/note/<key>", callback=note)
    app.post("/meet/<key>/<me>", callback=meet)
    app.get("/stream", callback=stream)
    app.get("/all", callback=everything)
    plugin.check(app)
    return app


def serve(server: str, settings: str) -> None:
    """Serve until SIGTERM, having printed the port."""
    app = make_app(json.loads(settings))
    if server == "gunicorn":
        _gunicorn(app)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    if server == "waitress":
        from waitress import create_server

        waitress = create_server(app, host="127.0.0.1", port=0, threads=THREADS)
        tell(int(waitress.effective_port))
        waitress.run()
    else:
        from gevent.pywsgi import WSGIServer

        gevent = WSGIServer(("127.0.0.1", 0), app, log=None)
        gevent.start()
        tell(gevent.server_port)
        gevent.serve_forever()


def tell(port: int) -> None:
    """Say to `Served` that it is ready, and where."""
    os.write(sys.stdout.fileno(), b"%5d\n" % port)


def _gunicorn(app: Bottle) -> None:
    from gunicorn.app.base import BaseApplication

    class Application(BaseApplication):  # type: ignore[misc]  # it ships no types
        def load_config(self) -> None:
            self.cfg.set("bind", "127.0.0.1:0")
            self.cfg.set("workers", WORKERS["gunicorn"])
            self.cfg.set("threads", THREADS // WORKERS["gunicorn"])
            # Not before: a worker that is about to be ready overhears SIGTERM.
            self.cfg.set("post_worker_init", ready)

        def load(self) -> Bottle:
            return app

    def ready(worker: Any) -> None:
        tell(worker.sockets[0].sock.getsockname()[1])

    Application().run()


class Served:
    """A server that is ready; ended at the end of the ``with`` block, if not before."""

    def __init__(self, server: str, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        program = "from gevent import monkey; monkey.patch_all(); " if server == "gevent" else ""
        program += "from tests.bottle.serving import serve; "
        program += f"serve({server!r}, {json.dumps(settings)!r})"
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            )
        assert self.process.stdout is not None
        self._stdout = self.process.stdout
        for _ in range(WORKERS[server]):
            ready = select.select([self._stdout], [], [], TIMEOUT)[0]
            said = os.read(self._stdout.fileno(), 6) if ready else b"nothing"
            if not said.strip().isdigit():
                self.end(signal.SIGKILL)
                raise AssertionError(f"it said {said!r}; its log: {self.log}")
            self.port = int(said)

    @property
    def log(self) -> str:
        """What it wrote on its standard error."""
        return (self.folder / "log").read_text()

    def ask(self, method: str, path: str) -> tuple[int, str]:
        """Return status and body of the answer to one request, over a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def json(self, method: str, path: str) -> Any:
        """Return what the body of a good answer says."""
        status, body = self.ask(method, path)
        assert status == 200, (status, body, self.log)
        return json.loads(body)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
            self.process.wait(TIMEOUT)
            self._stdout.close()
        return self.process.returncode

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *exception: object) -> None:
        self.end(signal.SIGKILL)
