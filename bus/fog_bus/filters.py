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
