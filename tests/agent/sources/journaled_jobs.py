"""An agent's source of jobs with a journal, in a process that is killed: at a step of its work, or when all is done.

Its arguments: the spool, the journals' directory, and before which call of the step it is killed, as 2:begin_batch.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from fog_agent.sources.configuration import parse_sources
from fog_agent.sources.making import make_source
from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.ports import Context
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.instruments.counter import Counter
from utilityfog_frontend.telemetry.instruments.histogram import Histogram
from utilityfog_frontend.telemetry.journal.live import LiveJournal

STEPS: dict[str, list[tuple[type, str]]] = {
    "claim": [(Path, "rename")],
    "begin": [(LiveJournal, "begin_batch")],
    "count": [(Counter, "_record"), (Histogram, "_record")],
    "remove": [(Path, "unlink")],
    "settle": [(LiveJournal, "settle_batch")],
    "end": [(LiveJournal, "end_batch")],
}


def kill_at(number: int, step: str) -> None:
    """Let the process be killed before a call of a step."""
    left = [number]
    for owner, name in STEPS[step]:
        real = getattr(owner, name)

        def before(*args: Any, real: Any = real, **more: Any) -> Any:
            if not isinstance(args[0], Path) or ".job" in args[0].name:
                left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        setattr(owner, name, before)


def main(spool: Path, journals: str, moment: str) -> None:
    """Take what is in the spool."""
    collector = TelemetryCollector(journal=journals)
    where = {"socket": str(spool.with_name(f"{os.getpid()}.sock")), "spool": str(spool)}
    [settings] = parse_sources({"jobs": where})
    source = make_source(settings, Context(collector, SourceMetrics(collector), 0.05))
    if moment:
        number, _, step = moment.partition(":")
        kill_at(int(number), step)
    source.start()
    while [file for file in spool.iterdir() if ".job" in file.name]:
        time.sleep(0.01)
    if moment:  # the last one may still come
        time.sleep(10)
        sys.exit(f"{moment} never came")
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
