"""Long work pauses for other threads; short work does not."""

import pytest

from utilityfog_frontend.telemetry.support import breathing


class Clock:
    """Seconds that pass when they are told to, and the pauses."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def perf_counter(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Note a pause."""
        self.pauses.append(self.now)
        self.now += seconds


def test_work_pauses_once_in_a_millisecond_and_what_has_just_begun_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of 0.3 ms each second never pauses; 10 ms of work do some nine times, at the longest after 1.2 ms."""
    clock = Clock()
    monkeypatch.setattr(breathing, "time", clock)
    breathe = breathing.Breather()
    for _ in range(5):
        for _ in range(3):
            breathe()
            clock.now += 0.0001
        clock.now += 1.0
    assert not clock.pauses
    began = clock.now
    for _ in range(50):
        breathe()
        clock.now += 0.0002
    assert 7 <= len(clock.pauses) <= 10
    assert max(b - a for a, b in zip([began, *clock.pauses], clock.pauses, strict=False)) < 0.0015
