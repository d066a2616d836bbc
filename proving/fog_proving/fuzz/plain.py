"""Attack for a while, by chance alone; tell of what broke, and keep it."""

from __future__ import annotations

import hashlib
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from fog_proving.fuzz.frames.arena import Arena
from fog_proving.fuzz.frames.messages import Step, pack, seeds, unpack
from fog_proving.fuzz.frames.mutation import mutate
from fog_proving.fuzz.http.by_schema import HAS_SCHEMATHESIS, ask_by_schema
from fog_proving.fuzz.http.fog import a_fog
from fog_proving.fuzz.http.judge import wrong_with
from fog_proving.fuzz.http.questions import question

MOST_KEPT: Final = 1_000


def read_corpus(corpus: Path, vectors: Path) -> list[list[Step]]:
    """Return all attacks that are kept, and one of each golden vector."""
    return [*(unpack(file.read_bytes()) for file in sorted(corpus.glob("*.bin"))), *seeds(vectors)]


def attack_frames(corpus: Path, vectors: Path, seed: int, seconds: float) -> bool:
    """Attack an engine with frames; tell whether a promise was broken. The attack is then in the corpus."""
    random, known = Random(seed), read_corpus(corpus, vectors)
    pool, seen, count = list(known), set[frozenset[str]](), 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        attack = mutate(random.choice(pool), random, known)
        arena = Arena()
        try:
            arena.live_through(unpack(pack(attack)))
        except Exception:  # noqa: BLE001 - any exception is a finding
            traceback.print_exc()
            print(f"this attack is kept as {keep(corpus, attack)}")
            return True
        count += 1
        if (signature := frozenset(arena.tally.seen)) not in seen and len(pool) < MOST_KEPT:
            seen.add(signature)
            pool.append(attack)
    print(f"{count} attacks with frames in {seconds:.0f} s, {len(seen)} outcomes: no promise was broken")
    return False


def keep(corpus: Path, attack: Sequence[Step]) -> Path:
    """Write an attack into a corpus; return its file."""
    data = pack(attack)
    file = corpus / f"{hashlib.sha256(data).hexdigest()[:16]}.bin"
    corpus.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


async def attack_http(seed: int, seconds: float) -> bool:
    """Ask a whole fog anything; tell whether an answer was wrong."""
    random, count = Random(seed), 0
    with tempfile.TemporaryDirectory() as folder:
        async with a_fog(Path(folder)) as fog:
            document = await fog.document()
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                asked = question(document, random, now=fog.aggregator.network.now())
                login = random.choice(("one", "all", ""))
                answer = await fog.ask(login, asked.path, asked.fields, asked.method)
                if wrong := wrong_with(document, login, asked, answer):
                    print(f"{login or 'a stranger'} asked {asked}: {wrong}\n{answer}")
                    return True
                count += 1
    print(f"{count} questions over HTTP in {seconds:.0f} s: no answer was wrong")
    return False


async def attack_http_by_schema(seed: int, seconds: float) -> bool:
    """Let schemathesis ask a whole fog, where it is installed; tell whether an answer was wrong."""
    if not HAS_SCHEMATHESIS:
        print("schemathesis is not installed: its questions are left out")
        return False
    with tempfile.TemporaryDirectory() as folder:
        async with a_fog(Path(folder)) as fog:
            return await ask_by_schema(fog, Path(folder), seed, seconds)
