"""`python -m fog_proving.chaos`: one run, its seed first, what came of it last. Exit code 1 when anything was wrong."""

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

from fog_proving.chaos.layout import CLUSTER, LEAVES, ONE, PAIR, TIERS
from fog_proving.chaos.plan import EVERY_DECK, Plan
from fog_proving.chaos.trial import Trial

MOST_SHOWN: Final = 30


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite once; 0 when nothing was lost, invented, out of order or ended by itself."""
    options = _parse(argv)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    directory = options.keep or Path(tempfile.mkdtemp(prefix="fog-chaos-"))
    logging.getLogger("fog_agent").setLevel(logging.ERROR)  # that connections are lost is no news here
    print(f"seed {seed}", flush=True)
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True)

    plan = Plan(seed, options.duration, tuple(options.only.split(",")) if options.only else (), tell)
    trial = Trial(directory, plan, options.processes, options.nodes, options.layout, tell)
    try:
        result = asyncio.run(trial.run())
    except KeyboardInterrupt:
        return 130
    finally:
        if options.keep is None:
            shutil.rmtree(directory, ignore_errors=True)
    for finding in result.findings[:MOST_SHOWN]:
        print(f"WRONG: {finding}")
    if len(result.findings) > MOST_SHOWN:
        print(f"WRONG: … and {len(result.findings) - MOST_SHOWN} more")
    print(f"{plan.done.total()} faults ({plan.left_out.total()} left out), {result.scrapes} scrapes, seed {seed}")
    print(result)
    return 1 if result.findings else 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--duration", type=float, default=60.0, help="seconds that things break (default 60)")
    parser.add_argument("--seed", type=int, help="of everything that chance decides; drawn when left out")
    parser.add_argument("--processes", type=int, default=3, help="processes of nodes (default 3)")
    parser.add_argument("--nodes", type=int, default=10, help="nodes in each (default 10)")
    layouts = parser.add_mutually_exclusive_group()
    for name, layout, what in (
        ("--pair", PAIR, "two aggregators, that must agree"),
        ("--cluster", CLUSTER, "three servers that are a cluster, and two aggregators"),
        ("--leaves", LEAVES, "tiers whose branches have servers of their own, leaves of the root's"),
        ("--tiers", TIERS, "a root above two branches: a pair's, and that of one aggregator"),
    ):
        layouts.add_argument(name, dest="layout", action="store_const", const=layout, default=ONE, help=what)
    names = [fault.__name__ for deck in EVERY_DECK for fault in deck]
    parser.add_argument("--only", help=f"some faults, with commas between: {', '.join(names)}")
    parser.add_argument("--keep", type=Path, help="directory for stores, states, books and logs, which is kept")
    options = parser.parse_args(argv)
    if options.only and (unknown := set(options.only.split(",")) - set(names)):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
