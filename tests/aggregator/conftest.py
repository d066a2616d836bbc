"""Share patience: a busy machine answers late, and only tests of patience itself are about that."""

import pytest

from fog_aggregator.components.below import asking, source

_PATIENCE = 60.0


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the aggregators of branches a minute for their answers."""
    for module in (asking, source):
        monkeypatch.setattr(module, "PATIENCE", _PATIENCE)
        monkeypatch.setattr(module, "LONGEST_WAIT", _PATIENCE)
