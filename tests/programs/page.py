"""The recipes of docs/in-real-servers.md: their files and commands, as printed but for addresses and ports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.programs.running import Programs

PAGE: Final = (Path(__file__).parents[2] / "docs" / "in-real-servers.md").read_text("utf-8")
SERVER: Final = "nats://127.0.0.1:4222"
"""The address that the page prints."""


class Recipe:
    """The files and the commands of a section.

    Args:
        replaced: By what the test replaces words of the page; each must occur.

    Attributes:
        files: Their names and texts.
        commands: The lines of its shell blocks, as arguments of `python`.
    """

    def __init__(self, title: str, programs: Programs, replaced: Mapping[str, str] | None = None) -> None:
        text = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        for printed, wanted in {SERVER: programs.environ["SERVER"], **(replaced or {})}.items():
            assert printed in text, f"{title}: no {printed!r}"
            text = text.replace(printed, wanted)
        self.files: dict[str, str] = dict(
            re.findall(r"^```python\n# ([^\n]+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        )
        self.commands = [_arguments(line) for line in re.findall(r"^```sh\n(.*)\n```$", text, re.MULTILINE)]
        for name, content in self.files.items():
            programs.write(name, content)


def _arguments(line: str) -> list[str]:
    program, *arguments = line.split()
    return arguments if program == "python" else ["-m", program, *arguments]
