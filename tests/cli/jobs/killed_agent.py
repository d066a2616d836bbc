"""`fog agent` that is killed at a step of its work with the spool; its first argument says which, empty for none."""

from __future__ import annotations

import sys
from typing import Any

from fog_cli.main import main
from tests.agent.sources.journaled_jobs import kill_at
from utilityfog_frontend.telemetry.journal.live import LiveJournal


def arm(moment: str) -> None:
    """Let the process be killed before the call of a step: as 2:begin, or 1:count in the first batch."""
    number, _, step = moment.partition(":")
    if step != "count":
        kill_at(int(number), step)
        return
    begin = LiveJournal.begin_batch

    def begin_armed(*args: Any) -> bool:
        begun = begin(*args)
        kill_at(int(number), step)
        return begun

    setattr(LiveJournal, "begin_batch", begin_armed)  # noqa: B010 - to the type checker it is another function


if __name__ == "__main__":
    if moment := sys.argv.pop(1):
        arm(moment)
    sys.exit(main())
