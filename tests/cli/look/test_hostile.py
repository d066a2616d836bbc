"""No verb prints texts of a server so that a terminal would obey them."""

from __future__ import annotations

from typing import Any

import pytest

from fog_cli.api import Api
from fog_cli.main import run
from tests.cli.top.made_up import place, status
from tests.cli.words.test_problems import answer, problem

EVIL = "\x1b]0;owned\x07\u202e"
PATH = f"fog/{EVIL}"
HOSTILE = problem(
    EVIL, PATH, text=EVIL, annotations={"summary": EVIL}, members=[{"value": EVIL, "labels": {"severity": EVIL}}]
)
NODE = {
    "path": PATH, "state": EVIL, "info": {"version": EVIL}, "last_heard_age_seconds": 1.0, "interval_seconds": 1.0,
    "epochs": 1, "gaps": 0, "ephemeral": False, "branch": False,
}  # fmt: skip
EVENT = {
    "path": PATH, "epoch": 1, "number": 1, "received": 1.0, "name": EVIL, "value": EVIL,
    "labels": {EVIL: EVIL}, "metadata": {EVIL: [EVIL]},
}  # fmt: skip
CHILD = {
    "path": PATH, "own": False, "suspect": True, "change": 1.0, "before": 0.0, "after": 1.0, "distance": None,
    "contribution": None,
}  # fmt: skip
STEP = {
    "path": PATH, "change": 1.0, "before": 0.0, "after": 1.0, "share": 0.9, "children": [CHILD], "left_out": 0,
    "rest": 0,
}  # fmt: skip
COVERAGE = {"nodes": {EVIL: 1, "live": 2}}
VALUES = [{"labels": {EVIL: EVIL}, "value": EVIL}]
EPOCH = {
    "epoch": EVIL, "seq": 1, "heard": 1.0, "gaps": 0, "awaits_keyframe": False, "shared": False, "values": VALUES,
}  # fmt: skip
ANSWERS: dict[str, Any] = {
    "/api/status": {**status(), "quarantined": [{"path": PATH, "since": 1.0, "author": EVIL, "why": EVIL}]},
    "/api/nodes": {"nodes": [{**NODE, "state": "departed"}, NODE], "total": 2, "next": None},
    "/api/tree": {**place(PATH, COVERAGE["nodes"], place(PATH, {}, state=EVIL)), "depth": 3},
    "/api/events": {"events": [EVENT], "next": None},
    "/api/alerts": answer(
        HOSTILE,
        {**HOSTILE, "state": "pending"},
        {**HOSTILE, "state": "silenced"},
        nodes=[{"state": "stale", "groups": [{"path": f"{PATH}/a", "nodes": 4, "of": 9, "first": 1, "last": 1}]}],
        resolved=[{"alert": EVIL, "title": EVIL, "path": PATH, "since": 1.0, "until": 2.0}],
    ),
    "/api/silences": [
        {
            "id": EVIL, "status": {"state": EVIL}, "endsAt": EVIL, "path": PATH, "createdBy": EVIL, "comment": EVIL,
            "matchers": [{"name": EVIL, "value": EVIL, "isEqual": True, "isRegex": False}],
        }
    ],
    "/api/blame": {
        "query": EVIL, "from": 1.0, "to": 2.0, "warnings": [EVIL], "places": [STEP],
        "found": {"path": PATH, "share": 0.9, "reason": EVIL},
    },
    "/api/explain": {
        "name": EVIL, "path": PATH, "total": VALUES, "contributions": VALUES, "coverage": COVERAGE,
        "families": [{"type": EVIL, "rollup": [EVIL], "help": EVIL}],
        "children": [{"path": PATH, "own": False, "coverage": COVERAGE}],
        "node": {
            "quarantined": EVIL, "branch": False, "epochs": [EPOCH], "folded": 0, "baselines": 0, "closed": VALUES,
        },
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        ("nodes",), ("tree",), ("events",), ("alerts",), ("silence", "list"), ("blame", "up"), ("explain", "fog", "up"),
        ("quarantine", "--list"),
    ],
    ids=lambda command: command[0],
)  # fmt: skip
def test_no_text_is_obeyed(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escapes stand in place of control and direction characters, in each field of each answer."""
    monkeypatch.setattr(Api, "json", lambda _, path, query=None: ANSWERS[path])  # noqa: ARG005
    assert run(command, {}) == 0
    said = capsys.readouterr()
    assert r"\x1b]0;owned\x07\u202e" in said.out
    assert [line for line in (said.out + said.err).split("\n") if not line.isprintable()] == []
