"""Wrong arguments for public functions, and what an error must be for whoever reads it."""

from __future__ import annotations

import linecache
import math
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

WRONG: Final[dict[str, Any]] = {
    "None": None,
    "empty": "",
    "text": "x",
    "bytes": b"x",
    "negative": -1,
    "zero": 0,
    "one": 1,
    "half": 0.5,
    "huge": 10**5000,  # more digits than Python turns into text
    "nan": math.nan,
    "true": True,
    "object": object(),
    "list": [],
    "map": {},
    "numbers": [1],
    "mixed": ["a", 1],
    "of numbers": {"a": 1},
    "by number": {1: "a"},
    "texts": ["a", "b"],
    "class": int,
}

ROOT: Final = Path(__file__).parents[2]


def outcomes(call: Callable[[Any], object]) -> dict[str, str]:
    """Call with every wrong argument; return the names of those that were taken, and how each error misses its reader.

    An error that was raised on purpose, short and in one line, is as it should be, and not in the result.
    """
    found: dict[str, str] = {}
    for name, value in WRONG.items():
        try:
            call(value)
        except (TypeError, ValueError) as error:
            if complaint := complaint_about(error):
                found[name] = complaint
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the wrong one
            found[name] = f"{type(error).__name__}: {error}"
        else:
            found[name] = "taken"
    return found


def complaint_about(error: BaseException) -> str:
    """Tell how an error misses its reader; nothing when it does not."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    if not Path(last.filename).is_relative_to(ROOT) or ".venv" in last.filename:
        return f"raised in {last.filename}: {error}"
    if not linecache.getline(last.filename, last.lineno or 0).strip().startswith("raise "):
        return f"not raised on purpose, in line {last.lineno} of {last.filename}: {error}"
    if len(str(error)) > 400 or "\n" in str(error):
        return f"too long: {len(str(error))} characters"
    return ""
