"""Compare subjects with filters, as NATS does."""

from __future__ import annotations


def matches(wanted: str, subject: str) -> bool:
    """Tell whether a subject is one that a filter names: `*` stands for one token, `>` at the end for one or more."""
    tokens, named = subject.split("."), wanted.split(".")
    if named[-1] == ">":
        named.pop()
        tokens, more = tokens[: len(named)], len(tokens) > len(named)
        return more and all(one in ("*", token) for one, token in zip(named, tokens, strict=True))
    return len(named) == len(tokens) and all(one in ("*", token) for one, token in zip(named, tokens, strict=True))


def overlap(one: str, other: str) -> bool:
    """Tell whether there is a subject that both filters name."""
    tokens, others = one.split("."), other.split(".")
    for mine, theirs in zip(tokens, others, strict=False):
        if ">" in (mine, theirs):
            return True
        if "*" not in (mine, theirs) and mine != theirs:
            return False
    return len(tokens) == len(others)


def covers(wide: str, narrow: str) -> bool:
    """Tell whether a filter names every subject that another one names."""
    tokens, others = wide.split("."), narrow.split(".")
    for mine, theirs in zip(tokens, others, strict=False):
        if mine == ">":
            return True
        if theirs == ">" or mine not in ("*", theirs):
            return False
    return len(tokens) == len(others)
