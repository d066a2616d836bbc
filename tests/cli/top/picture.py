"""The screen in docs/terminal.md: `python -m tests.cli.top.picture` writes it anew."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fog_cli.top.screen.compose import screen
from fog_cli.top.screen.state import State
from fog_cli.words.text import plain
from tests.cli.top.made_up import NOW, rack
from tests.house.source import ROOT

PAGE: Final = ROOT / "docs/terminal.md"
BLOCK: Final = re.compile(r"(?<=```text\n).*?(?=```\n)", re.DOTALL)


@contextmanager
def universal_time() -> Iterator[None]:
    """Show times of day in UTC while inside."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def shown(state: State, width: int = 80, height: int = 24, now: float = NOW) -> list[str]:
    """Return the lines of a screen as plain text."""
    with universal_time():
        return [plain(row.line) for row in screen(state, width, height, now)]


def picture() -> str:
    """Return the screen of the document."""
    return "".join(f"{line}\n" for line in shown(rack()))


if __name__ == "__main__":
    PAGE.write_text(BLOCK.sub(lambda _: picture(), PAGE.read_text("utf-8"), count=1), "utf-8")
