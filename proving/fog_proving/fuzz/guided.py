"""Attack an engine guided by coverage: libFuzzer, by atheris, looks for attacks that run code which none has run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any, Final

GUIDED: Final = find_spec("atheris") is not None
"""Whether atheris is there."""
_LONGEST_ATTACK: Final = 1_000_000
_INSTRUMENTED: Final = ["fog_schema", "fog_aggregator.core"]


def run_guided(corpus: Path, vectors: Path, seed: int, seconds: float) -> bool:
    """Attack an engine in a process of its own; tell whether a promise was broken. The attack is then in the corpus."""
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as found:
        arguments = [
            *(found, str(corpus), f"-max_total_time={max(1, round(seconds))}", f"-seed={seed}", "-timeout=120"),
            *("-rss_limit_mb=2048", f"-max_len={_LONGEST_ATTACK}", "-len_control=0", "-print_final_stats=1"),
            f"-artifact_prefix={corpus}/",
        ]
        done = subprocess.run([sys.executable, "-m", __name__, str(vectors), *arguments], check=False)
    for file in corpus.glob("*-*"):  # crash-…, timeout-…, oom-…
        file.rename(corpus / f"{file.name}.bin")
    return done.returncode != 0


def _attack(vectors: Path, arguments: list[str]) -> None:
    """Attack until the time is up; libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED):
        from fog_proving.fuzz.frames.arena import Arena
    from fog_proving.fuzz.frames.messages import pack, seeds, unpack
    from fog_proving.fuzz.frames.mutation import mutate

    pool = seeds(vectors)

    def live_through(data: bytes) -> None:
        Arena().live_through(unpack(data))

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        changed = pack(mutate(unpack(data), Random(seed), pool))
        return changed if len(changed) <= max_size else data

    setup: Any = atheris.Setup
    setup([sys.argv[0], *arguments], live_through, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    _attack(Path(sys.argv[1]), sys.argv[2:])
