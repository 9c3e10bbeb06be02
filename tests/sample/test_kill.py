"""Kill -9 of the Ticket desk, again and again, while clients post: it keeps what it answered."""

import json
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.sample.service import JSON, TIMEOUT, Service, all_tickets, settings
from tests.sizes import size

CLIENTS = 4

Ticket = dict[str, Any]
FIELDS = {"id", "title", "body", "status", "created", "updated"}


# --- the judge -------------------------------------------------------------------------------


def faults(
    sent: Mapping[str, str], acknowledged: Iterable[Ticket], stored: Iterable[Ticket]
) -> list[str]:
    """Return what is wrong with the *stored* tickets.

    *sent* holds the body of each title that was ever posted, a title once; *acknowledged* the
    tickets as the answers 201 had them, one entry for each answer.
    """
    acknowledged, stored = list(acknowledged), list(stored)
    found = {ticket.get("id"): ticket for ticket in stored}
    given = Counter(ticket["id"] for ticket in acknowledged)
    listed = Counter(ticket.get("id") for ticket in stored)
    titles = Counter(ticket.get("title") for ticket in stored)
    return [
        *(f"{id} was given {times} times" for id, times in given.items() if times > 1),
        *(f"{id} is listed {times} times" for id, times in listed.items() if times > 1),
        *(f"{title} is stored {times} times" for title, times in titles.items() if times > 1),
        *(f"{ticket['id']} is lost" for ticket in acknowledged if ticket["id"] not in found),
        *(
            f"{ticket['id']} is not what was acknowledged"
            for ticket in acknowledged
            if found.get(ticket["id"], ticket) != ticket
        ),
        *(
            f"{ticket.get('id')} is not whole"
            for ticket in stored
            if set(ticket) != FIELDS or sent.get(ticket["title"]) != ticket["body"]
        ),
    ]


def ticket(number: int) -> Ticket:
    fields = dict.fromkeys(FIELDS, "as it was")
    return fields | {"id": f"scp-{number:03}", "title": f"title {number}", "body": f"{number}"}


def without(field: str) -> Callable[..., None]:
    return lambda acknowledged, stored: stored[1].pop(field)


@pytest.mark.parametrize(
    ("tamper", "verdict"),
    [
        (lambda acknowledged, stored: stored.pop(1), ["scp-001 is lost"]),
        (
            lambda acknowledged, stored: acknowledged.append(dict(acknowledged[1])),
            ["scp-001 was given 2 times"],
        ),
        (
            # Two clients got one id: the second ticket took the place of the first.
            lambda acknowledged, stored: acknowledged.append({**ticket(2), "id": "scp-001"}),
            ["scp-001 was given 2 times", "scp-001 is not what was acknowledged"],
        ),
        (
            lambda acknowledged, stored: stored.append(dict(stored[1])),
            ["scp-001 is listed 2 times", "title 1 is stored 2 times"],
        ),
        (
            lambda acknowledged, stored: stored.append({**stored[1], "id": "scp-009"}),
            ["title 1 is stored 2 times"],
        ),
        (
            lambda acknowledged, stored: stored[1].update(status="closed"),
            ["scp-001 is not what was acknowledged"],
        ),
        (
            lambda acknowledged, stored: stored[1].update(body=""),
            ["scp-001 is not what was acknowledged", "scp-001 is not whole"],
        ),
        (without("created"), ["scp-001 is not what was acknowledged", "scp-001 is not whole"]),
        (
            lambda acknowledged, stored: stored.append(ticket(7)),
            ["scp-007 is not whole"],  # nobody sent it
        ),
        (lambda acknowledged, stored: stored[2].update(body="cut"), ["scp-002 is not whole"]),
    ],
)
def test_the_judge_sees_each_fault(tamper: Callable[..., Any], verdict: list[str]):
    sent = {f"title {number}": f"{number}" for number in range(4)}
    acknowledged = [ticket(0), ticket(1)]
    stored = [ticket(0), ticket(1), ticket(2)]  # the third was stored, but not acknowledged
    assert faults(sent, acknowledged, stored) == []
    tamper(acknowledged, stored)
    assert faults(sent, acknowledged, stored) == verdict


# --- the trial -------------------------------------------------------------------------------


class Clients:
    """What all clients of all cycles sent, and what they were told."""

    def __init__(self) -> None:
        self.sent: dict[str, str] = {}
        self.acknowledged: list[Ticket] = []
        self.answers = threading.Semaphore(0)

    def post(self, port: int, name: str, times: int) -> None:
        """Post *times* tickets, one after the other, unless the service dies before."""
        connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        try:
            for number in range(times):
                title = f"{name}-{number}"
                body = self.sent[title] = title * 50
                try:
                    fields = json.dumps({"title": title, "body": body})
                    connection.request("POST", "/tickets", fields, JSON)
                    answer = connection.getresponse()
                    text = answer.read()
                except (OSError, HTTPException):
                    return  # killed: nobody knows whether this one is stored
                assert answer.status == 201, text
                self.acknowledged.append(json.loads(text))
                self.answers.release()
        finally:
            connection.close()


@pytest.mark.parametrize(
    ("backend", "kills", "during"),
    [
        ("SQLite", *size(quick=(4, 1), full=(25, 8))),
        ("File", *size(quick=(2, 0), full=(6, 1))),
        ("Directory", *size(quick=(2, 0), full=(6, 1))),
    ],
)
def test_no_acknowledged_ticket_is_lost_and_no_id_given_twice_over_all_kills(
    tmp_path: Path, backend: str, kills: int, during: int
):
    """So many of them, at least *during* of which hit a request."""
    chosen = settings(tmp_path, backend)
    seed = int(os.environ.get("NAPIXD_SEED", random.randrange(2**32)))
    print(f"NAPIXD_SEED={seed}")  # noqa: T201 - shown when it fails
    rng, clients, unanswered = random.Random(seed), Clients(), 0
    for cycle in range(kills):
        before = len(clients.sent) - len(clients.acknowledged)
        with Service(tmp_path, *chosen) as service, ThreadPoolExecutor(CLIENTS) as pool:
            # Either all have their answers when it is killed, or it dies in the middle of some.
            between = rng.random() < 0.25
            times = rng.randrange(1, 6) if between else 10**6
            posting = [
                pool.submit(clients.post, service.port, f"{cycle}-{client}", times)
                for client in range(CLIENTS)
            ]
            if not between:
                for _ in range(rng.randrange(25)):
                    assert clients.answers.acquire(timeout=TIMEOUT)
                threading.Event().wait(rng.uniform(0, 0.005))
                service.end(signal.SIGKILL)
            for each in posting:
                each.result(TIMEOUT)
            service.end(signal.SIGKILL)
        while clients.answers.acquire(blocking=False):
            pass
        unanswered += len(clients.sent) - len(clients.acknowledged) > before
    with Service(tmp_path, *chosen) as service:
        stored = all_tickets(service)
        status, newest = service.request("POST", "/tickets", {"title": "the last"})
        issued = service.request("GET", "/stats")[1]["issued"]
    print(  # noqa: T201 - the same
        f"{kills} kills, {unanswered} of them during requests: {len(clients.sent)} tickets sent, "
        f"{len(clients.acknowledged)} acknowledged, {len(stored)} stored, {issued} numbers issued"
    )
    assert faults(clients.sent, clients.acknowledged, stored) == []
    assert (status, newest["id"]) == (201, f"scp-{issued:03}")
    assert newest["id"] not in {each["id"] for each in stored}
    assert unanswered >= during
    assert "Traceback" not in (tmp_path / "service.log").read_text()
