"""Events in a line each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from fog_cli.words.text import printable

_KINDS: Final = (
    ("critical", re.compile(r"(lost|firing|crash|fatal|killed)")),
    ("warning", re.compile(r"(fail|stale|depart|error|timeout|refus|evict|drop|warn|gap|over_)")),
    ("ended", re.compile(r"(live|resolved|recover|lifted|back|ok$)")),
)


def kind_of(name: str) -> str:
    """Return the kind of an event, by what its name says."""
    return next((kind for kind, pattern in _KINDS if pattern.search(name)), "note")


def saying(event: Mapping[str, Any]) -> str:
    """Return what an event says beside its name."""
    pairs = [*(event["labels"] or {}).items(), *(event["metadata"] or {}).items()]
    parts = [f"{name}={_plain(value)}" for name, value in pairs]
    return printable(" ".join([*([] if event["value"] is None else [_plain(event["value"])]), *parts]))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
