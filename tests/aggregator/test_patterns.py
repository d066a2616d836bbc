"""Which paths are branches, and which lie below one."""

from __future__ import annotations

from fog_aggregator.core.places.patterns import BranchPatterns


def test_patterns() -> None:
    """A token may be any; what lies under a branch is covered by it."""
    branches = BranchPatterns((("fog", "*"), ("fog", "a", "b")))
    assert branches.has(("fog", "0"))
    assert not branches.has(("fog",))
    assert not branches.has(("fog", "0", "1"))
    assert branches.has(("fog", "a", "b"))
    assert branches.cover(("fog", "0", "1"))
    assert not branches.cover(("fog",))
    assert not branches.cover(("other", "0"))
    assert not BranchPatterns()
