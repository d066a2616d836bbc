"""Paths of the tree, for people and for PromQL."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Sequence

from fog_cli.words.text import ELLIPSIS


def parent_of(path: str) -> str:
    """Return the path above; empty above the first token."""
    return path.rpartition("/")[0]


def last_of(path: str) -> str:
    """Return the last token."""
    return path.rpartition("/")[2]


def is_under(path: str, above: str) -> bool:
    """Tell whether a path is at or under another; everything is under the empty one."""
    return not above or path == above or path.startswith(f"{above}/")


def shortened(path: str, most: int = 48) -> str:
    """Shorten the middle of a path that is too long: its last two tokens are always there, and complete."""
    parts = path.split("/")
    if len(path) <= most or len(parts) <= 3:
        return path
    begin, end = list[str](), parts[-2:]
    for part in parts[:-2]:
        if len("/".join([*begin, part, ELLIPSIS, *end])) > most:
            break
        begin.append(part)
    return "/".join([*begin, ELLIPSIS, *end])


def common(paths: Sequence[str]) -> str:
    """Return the longest path that all of these are at or under."""
    found = paths[0].split("/") if paths else []
    for path in paths[1:]:
        parts = path.split("/")
        same = 0
        while same < min(len(found), len(parts)) and found[same] == parts[same]:
            same += 1
        found = found[:same]
    return "/".join(found)


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return a test for a pattern with ``*`` and ``?``, else for a part of the text; case does not matter."""
    text = pattern.strip().lower()
    if not re.search(r"[*?]", text):
        return lambda value: text in value.lower()
    test = re.compile(fnmatch.translate(text.replace("[", "[[]")))  # which goes back over no part that was found
    return lambda value: test.match(value.lower()) is not None


def quoted(text: str) -> str:
    """Return a regular expression of PromQL for exactly this text."""
    return re.sub(r"[.+*?^${}()|\[\]\\]", lambda match: f"\\{match[0]}", text)


def as_string(text: str) -> str:
    """Return a text as a string of PromQL."""
    return json.dumps(text, ensure_ascii=False)
