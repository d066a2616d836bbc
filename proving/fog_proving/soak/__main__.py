"""`python -m fog_proving.soak`: one run, its seed first, its figures last. Exit code 1 when anything was wrong."""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fog_proving.soak.run import soak
from fog_proving.soak.verdict import LATE, Plan

MOST_SHOWN: Final = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a soak; 0 when nothing was wrong."""
    options = _parse(arguments)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    folder = options.keep or Path(tempfile.mkdtemp(prefix="fog-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.WARNING)
    print(f"seed {seed}", flush=True)
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True)

    plan = Plan(options.minutes * 60, options.nodes, options.rate, tuple(options.aggregator.split()), seed)
    try:
        result = asyncio.run(soak(plan, folder, tell))
    except KeyboardInterrupt:
        return 130
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    for line in result.figures:
        print(line)
    wrong = sorted(result.wrong, key=lambda finding: finding.about == LATE)  # of these there may be hundreds
    for finding in wrong[:MOST_SHOWN]:
        print(f"WRONG: {finding.text}")
    if len(result.wrong) > MOST_SHOWN:
        print(f"WRONG: ... and {len(result.wrong) - MOST_SHOWN} more")
    return 1 if result.wrong else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--nodes", type=int, default=2_000, help="healthy nodes, each sending once a second (2,000)")
    parser.add_argument("--rate", type=int, default=150_000, help="bytes a second of the hostile path (150,000)")
    parser.add_argument("--aggregator", default="", help="more options of the aggregator, in one argument")
    parser.add_argument("--seed", type=int, help="of everything that chance decides; drawn when left out")
    parser.add_argument("--keep", type=Path, help="a folder for stores and logs, which are kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
