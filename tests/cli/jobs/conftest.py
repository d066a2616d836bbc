"""Fixtures of jobs' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.jobs.listening import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Provide a folder with a socket and a spool."""
    return Place(tmp_path)
