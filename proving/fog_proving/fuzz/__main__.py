"""`python -m fog_proving.fuzz`: attacks an aggregator with frames, then with questions over HTTP."""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fog_proving.fuzz.guided import GUIDED, run_guided
from fog_proving.fuzz.plain import attack_frames, attack_http, attack_http_by_schema

ROOT: Final = Path(__file__).parents[3]


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack for as long as it is asked; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--seed", type=int, help="of everything that chance decides; drawn when left out")
    parser.add_argument("--corpus", type=Path, default=ROOT / "tests/hostile/corpus", help="attacks to begin with")
    parser.add_argument("--plain", action="store_true", help="do without atheris, which looks for code not run yet")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)  # faults are what this is about
    seed = secrets.randbits(32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    seconds = options.minutes * 60
    by_frames = run_guided if GUIDED and not options.plain else attack_frames
    broken = by_frames(options.corpus, ROOT / "schema/vectors", seed, seconds * 0.7)
    broken = broken or asyncio.run(attack_http(seed, seconds * 0.2))
    return int(broken or asyncio.run(attack_http_by_schema(seed, seconds * 0.1)))


if __name__ == "__main__":
    sys.exit(main())
