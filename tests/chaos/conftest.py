"""A run of chaos breaks processes that run: how they have come by their modules is no part of it."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest

from fog_proving.chaos import processes
from tests.cli.warm import Popen


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let children be forks."""
    forking = SimpleNamespace(**vars(subprocess) | {"Popen": Popen})
    monkeypatch.setattr(processes, "subprocess", forking)
