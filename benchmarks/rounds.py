"""What everybody has to do in one round: the same keys and values for all."""

import random
import string
from dataclasses import dataclass
from typing import Any

Value = dict[str, Any]
PAGE = 100
"""How many pairs who asks for several asks for."""


@dataclass(frozen=True)
class Round:
    """The dice of one round of a heat."""

    number: int
    dice: random.Random
    size: int
    writes: int

    def some_keys(self) -> list[str]:
        """Return a thousand keys that exist."""
        return self._keys(1000)

    def few_keys(self) -> list[str]:
        """Return as many keys that exist as there are single writes."""
        return self._keys(self.writes)

    def pages(self) -> list[list[str]]:
        """Return ten times a page of keys that exist, each once in its page."""
        return [list(dict.fromkeys(self._keys(PAGE))) for _ in range(10)]

    def new_keys(self) -> list[str]:
        """Return keys that exist in no other round."""
        return [f"new-{self.number:04}-{n:04}" for n in range(self.writes)]

    def pairs(self) -> list[tuple[str, Value]]:
        """Return values for keys that exist."""
        return [(key, self.value()) for key in self._keys(self.writes)]

    def new_pairs(self) -> list[tuple[str, Value]]:
        """Return values for `new_keys`."""
        return [(key, self.value()) for key in self.new_keys()]

    def all_pairs(self) -> dict[str, Value]:
        """Return all that a store holds, with values of this round."""
        return {f"key-{n:05}": self.value() for n in range(self.size)}

    def all_places(self) -> range:
        """Return as many numbers as a store has pairs."""
        return range(self.size)

    def times(self) -> range:
        """Return as many numbers as there are single writes."""
        return range(self.writes)

    def value(self) -> Value:
        """Return a dict of about 120 bytes of JSON, unlike all others.

        SQLite skips an overwrite with the very same bytes, so values must vary.
        """
        dice = self.dice
        return {
            "id": dice.randrange(10**9),
            "name": "".join(dice.choices(string.ascii_letters, k=20)),
            "mail": "".join(dice.choices(string.ascii_lowercase, k=12)) + "@example.com",
            "active": dice.random() < 0.5,
            "tags": ["alpha", "beta"],
            "score": round(dice.random(), 6),
        }

    def _keys(self, count: int) -> list[str]:
        return [f"key-{self.dice.randrange(self.size):05}" for _ in range(count)]
