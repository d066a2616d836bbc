"""Let schemathesis ask what the OpenAPI document allows and what it does not; it judges the answers."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import Final

from fog_proving.fuzz.http.fog import Fog

HAS_SCHEMATHESIS: Final = importlib.util.find_spec("schemathesis") is not None
ENDLESS: Final = "/api/stream"
"""An answer that does not end by itself."""
LEFT_OUT: Final = "positive_data_acceptance,negative_data_rejection"
MOST_SECONDS: Final = 300.0
"""It ends by itself long before."""


async def ask_by_schema(fog: Fog, folder: Path, seed: int, seconds: float) -> bool:
    """Ask a fog what schemathesis thinks of, with the login of everything; tell whether an answer was wrong.

    Two of its checks are left out: not all that the document allows is taken (a path that is no path, an expression
    that does not parse), and a form cannot say that a list with one word is a word.

    Args:
        fog: the fog that is asked.
        folder: where it may leave its notes.
        seed: of what it thinks of.
        seconds: how long it may take; it stops when it has asked all it can think of.

    Raises:
        TimeoutError: it did not end.
    """
    command = _command(fog, seed, seconds)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(seconds + MOST_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    text = output.decode(errors="replace")
    print(text if process.returncode else _summary(text))
    return process.returncode != 0


def _command(fog: Fog, seed: int, seconds: float) -> list[str]:
    host, port = fog.aggregator.web.address
    return [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"http://{host}:{port}/api/openapi.json"),
        *("--header", f"Authorization:Bearer {fog.tokens['all']}", "--exclude-path", ENDLESS),
        *("--exclude-checks", LEFT_OUT, "--max-examples", "1000", "--max-failures", "1"),
        *(
            "--max-time",
            str(max(1, round(seconds))),
            "--seed",
            str(seed),
            "--generation-database",
            "none",
            "--no-color",
        ),
    ]


def _summary(text: str) -> str:
    """Return the last lines of a run that found nothing."""
    return "\n".join(("schemathesis:", *[line for line in text.splitlines() if line.strip()][-8:]))
