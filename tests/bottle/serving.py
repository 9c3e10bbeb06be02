"""An app behind a real server, in a process of its own: `Served`."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bottle import Bottle, HTTPError

from napixd_store_bottle import StorePlugin
from tests.labs import need
from tests.processes import TIMEOUT

ROOT = Path(__file__).resolve().parents[2]
THREADS = 8

WORKERS = {"waitress": 1, "gunicorn": 2, "gevent": 1, "uwsgi": 4}
"""Server -> its processes; forked when the app has opened all it has, where they are several.

uWSGI forks in C, and tells Python nothing of it.
"""


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


def make_apps(settings: Mapping[str, Mapping[str, Any]]) -> Bottle:
    """Return an app with one of `make_app` under each name in *settings*."""
    app = Bottle()
    for name, its in settings.items():
        app.mount(f"/{name}/", make_app(its))
    return app


def serve(server: str, app: Bottle, options: list[str]) -> None:
    """Serve until SIGTERM, having printed the port."""
    if server == "gunicorn":
        _gunicorn(app)
        return
    if server == "uwsgi":
        _uwsgi(app, options)
        return
    if server == "waitress":
        from waitress import create_server

        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        waitress = create_server(app, host="127.0.0.1", port=0, threads=THREADS)
        tell(int(waitress.effective_port))
        waitress.run()
    else:
        from gevent import signal_handler
        from gevent.pywsgi import WSGIServer

        gevent = WSGIServer(("127.0.0.1", 0), app, log=None)
        # Python's own handlers may run in the middle of gevent's loop, or when that wakes up next.
        signal_handler(signal.SIGTERM, gevent.stop)
        gevent.start()
        tell(gevent.server_port)
        gevent.serve_forever()


def tell(port: int, stdout: int = 1) -> None:
    """Say to `Served` that it is ready, and where."""
    os.write(stdout, b"%5d\n" % port)


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


def _uwsgi(app: Bottle, options: list[str]) -> None:
    import pyuwsgi

    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    _preloaded[:] = app, listener.getsockname()[1], os.dup(1)  # its own standard output is the log
    workers = ["--master", "--processes", str(WORKERS["uwsgi"]), "--no-orphans", "--need-app"]
    place = ["--http-socket", f"fd://{listener.fileno()}", "--module", f"{__name__}:preloaded()"]
    pyuwsgi.run([*workers, *place, *options])


_preloaded: list[Any] = []


def preloaded() -> Bottle:
    """Return the app to uWSGI, which then forks its workers; each tells when it is ready."""
    import uwsgi

    app, port, stdout = _preloaded
    uwsgi.post_fork_hook = lambda: tell(port, stdout)
    return app


class Served:
    """A server that is ready; ended at the end of the ``with`` block, if not before.

    *make* makes its app of the *settings*; *options* are uWSGI's.
    """

    def __init__(
        self,
        server: str,
        folder: Path,
        settings: Mapping[str, Any],
        *options: str,
        make: Callable[[Any], Bottle] = make_app,
    ) -> None:
        if server == "uwsgi":
            need(find_spec("pyuwsgi") is not None, "there is no pyuwsgi for this Python")
        self.folder = folder
        # With SIGTERM uWSGI begins again, unless told otherwise.
        self._asked_to_end = signal.SIGINT if server == "uwsgi" else signal.SIGTERM
        program = "from gevent import monkey; monkey.patch_all(); " if server == "gevent" else ""
        program += f"from tests.bottle.serving import {make.__name__}, serve; "
        program += f"serve({server!r}, {make.__name__}({settings!r}), {list(options)!r})"
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

    def end(self, number: signal.Signals | None = None) -> int:
        """Send a signal, that which asks it to end if not said, and return the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number or self._asked_to_end)
            self.process.wait(TIMEOUT)
            self._stdout.close()
        return self.process.returncode

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *exception: object) -> None:
        self.end(signal.SIGKILL)
