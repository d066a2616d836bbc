"""The shipped configurations of servers, but for addresses and stores."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
_OF_A_MACHINE: Final = re.compile(r"^(listen|http|  store_dir): .*$", re.MULTILINE)
_INCLUDE: Final = re.compile(r'^include "(.*)"$', re.MULTILINE)


def configuration(name: str) -> str:
    """Return a file of deploy/ with what it includes, without what belongs to a machine."""
    text = _INCLUDE.sub(lambda found: configuration(found[1]), (DEPLOY / name).read_text())
    return _OF_A_MACHINE.sub("", text)


@contextmanager
def passwords(*texts: str) -> Iterator[None]:
    """Set each variable that the texts name, to a value that follows from its name."""
    with pytest.MonkeyPatch.context() as patch:
        for text in texts:
            for name in re.findall(r"\$(FOG_\w+)", text):
                patch.setenv(name, f"secret-{name}")
        yield
