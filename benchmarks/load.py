"""Load on a service: connections that ask again as soon as they are answered."""

import asyncio
import json
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.crowd import Worked
from benchmarks.waits import Waits

Ask = Callable[[random.Random], bytes]
"""Makes the next request."""

_WORKER = re.compile(rb'"worker": ?(\d+)')
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
TICKET = {"title": "No coffee", "body": "The machine on the third floor.", "status": "open"}


def post(dice: random.Random) -> bytes:
    """Return a request that makes a ticket, unlike all others."""
    body = json.dumps({**TICKET, "by": dice.randrange(10**9)}).encode()
    head = "POST /tickets HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


def get(dice: random.Random) -> bytes:
    """Return a request for one of the first hundred tickets."""
    number = dice.randrange(1, 101)
    return f"GET /tickets/scp-{number:03} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def mixed(dice: random.Random) -> bytes:
    """Return one of both: four of five read."""
    return post(dice) if dice.random() < 0.2 else get(dice)


def load(socket: Path, ask: Ask, connections: int, seconds: float) -> dict[int, Worked]:
    """Ask over so many connections to *socket* for a while; return what each process answered."""
    return asyncio.run(_load(socket, ask, connections, seconds))


async def _load(socket: Path, ask: Ask, connections: int, seconds: float) -> dict[int, Worked]:
    waits: dict[int, Waits] = {}
    begun = time.perf_counter()
    await asyncio.gather(
        *(
            _connection(socket, ask, random.Random(seed), begun + seconds, waits)
            for seed in range(connections)
        )
    )
    taken = time.perf_counter() - begun
    return {worker: Worked(each.counts, each.longest, taken) for worker, each in waits.items()}


async def _connection(
    socket: Path, ask: Ask, dice: random.Random, until: float, waits: dict[int, Waits]
) -> None:
    reader, writer = await asyncio.open_unix_connection(socket)
    asked = time.perf_counter()
    while asked < until:
        writer.write(ask(dice))
        worker = await _answered(reader)
        answered = time.perf_counter()
        waits.setdefault(worker, Waits()).add(answered - asked)
        asked = answered
    writer.close()


async def _answered(reader: asyncio.StreamReader) -> int:
    """Return which process answered; what is no success is an error."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    assert length is not None, head
    body = await reader.readexactly(int(length[1]))
    worker = _WORKER.search(body)
    assert worker is not None, head + body
    return int(worker[1])
