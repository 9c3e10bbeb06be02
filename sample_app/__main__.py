"""Serve the Ticket desk: ``python -m sample_app --help``."""

import argparse
import errno
import json
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from configparser import Error as INIError
from pathlib import Path
from typing import Any

from waitress import create_server
from waitress.utilities import Error as Refusal

from napixd_store import StoreError
from sample_app.app import SHIPPED, make_app
from sample_app.web import MAX_BODY

LIMITS: dict[str, Any] = {
    # Who comes in a crowd waits; beyond waitress's 1024 some are reset.
    "backlog": 4096,
    # A browser leaves connections open for its next request. They cost next to nothing, so many
    # may be; but fewer than the 1024 files that most systems let a process have.
    "connection_limit": 800,
    "channel_timeout": 20,  # seconds that one may say nothing
    "cleanup_interval": 5,  # seconds until that is looked at again
    "asyncore_use_poll": True,  # select() knows no file above the 1024th, and scans up to there
    # The app refuses what is larger than its own limit, and says so to a client that has sent it
    # all. Waitress hangs up on what is far larger, before it fills the disk.
    "max_request_body_size": 16 * MAX_BODY,
}
"""How much waitress takes on."""

SWITCH_INTERVAL = 0.0001
"""Seconds for which a thread keeps Python's lock while others want it.

With many connections waitress's main thread nearly always wants it, and a worker gives it up
whenever SQLite or the disk works for it. Python's own 0.005, for each of these, is an age.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    options = parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    Refusal.to_response = refusal
    sys.setswitchinterval(SWITCH_INTERVAL)
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: sys.exit())
    try:
        app = make_app(options.config)
        server = create_server(
            app, host=options.host, port=options.port, threads=options.threads, **LIMITS
        )
    except (StoreError, INIError, OSError, ValueError) as exc:
        said = str(exc)
        if isinstance(exc, OSError) and exc.errno == errno.EADDRINUSE:
            said = f"port {options.port} of {options.host} is in use: --port 0 takes a free one"
        sys.exit(f"sample_app: cannot start: {said}")
    # A host name of several addresses has several sockets, and under port 0 several ports.
    listening = getattr(server, "effective_listen", None)
    for host, port in listening or [(server.effective_host, server.effective_port)]:
        at = f"[{host}]" if ":" in host else host
        print(f"Ticket desk listens on http://{at}:{port}", flush=True)
    workers = set(threading.enumerate()) - {threading.main_thread()}
    try:
        server.run()  # returns at SystemExit, when the requests under way are done
        for worker in workers:
            worker.join(5)  # each closes its SQLite handle: the last one leaves a single file
    finally:
        app.close()


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m sample_app", description="The Ticket desk.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=number(0, 65535), default=8080, help="port, 0 for any (%(default)s)"
    )
    parser.add_argument("--config", type=Path, default=SHIPPED, help="settings file")
    parser.add_argument(
        "--threads", type=number(1, 1000), default=8, help="worker threads (%(default)s)"
    )
    return parser


def number(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a number of that range; waitress takes any, and does something else."""

    def number(text: str) -> int:
        if not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least} to {most}")
        return int(text)

    return number


def refusal(error: Refusal, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return, as JSON, what waitress answers where a request does not reach the app."""
    said = {"error": f"{error.reason}: {error.body}"}
    headers = [("Content-Type", "application/json")]
    return f"{error.code} {error.reason}", headers, json.dumps(said).encode()


if __name__ == "__main__":
    main()
