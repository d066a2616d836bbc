"""Attacks with frames: those that were found, each golden vector alone, and some by chance. `make fuzz` goes on."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final

import pytest

from fog_proving.fuzz.frames.arena import Arena
from fog_proving.fuzz.frames.messages import METRICS, Step, pack, seeds, unpack
from fog_proving.fuzz.frames.mutation import mutate

CORPUS: Final = Path(__file__).parent / "corpus"
VECTORS: Final = Path(__file__).parents[2] / "schema/vectors"
_BY_CHANCE: Final = 100


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*.bin")), ids=lambda file: file.stem)
def test_attacks_that_were_found_break_nothing(file: Path) -> None:
    """Each file of the corpus: an attack that once broke a promise, or that runs code which few do."""
    Arena().live_through(unpack(file.read_bytes()))


def test_attacks_by_chance_break_nothing() -> None:
    """Golden vectors and what was found, changed: no exception, no count falls, others' numbers stay, all is saved.

    Every second attack begins from what was found, however many vectors there are: that reaches furthest.
    """
    vectors, found = seeds(VECTORS), [unpack(file.read_bytes()) for file in sorted(CORPUS.glob("*.bin"))]
    random, known = Random(12), vectors + found
    seen: set[str] = set()
    for number in range(_BY_CHANCE):
        begun = found[number // 2 % len(found)] if number % 2 else random.choice(vectors)
        arena = Arena()
        arena.live_through(mutate(begun, random, known))
        seen |= arena.tally.seen
    assert {"applied", "malformed", "not_a_frame", "refused_values"} <= seen, "the attacks reach into the state"


def test_an_attack_is_bytes_and_back() -> None:
    """The corpus holds what was found; any other bytes are an empty attack."""
    attack = [Step(METRICS, 1, 2, b"x"), Step(4, 0, 60)]
    assert unpack(pack(attack)) == attack
    assert unpack(b"\xc1") == unpack(b"\x01") == unpack(b"") == []
