"""Compare subjects with filters, as NATS does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


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


def without(taken: Sequence[str], subject: str, seen: Iterable[str]) -> list[str]:
    """Return filters that name what others name, but for a subject and all below it.

    A filter cannot exclude anything: of `a.>` without a.b.c it is a.b and what stands beside a.b and a.b.c, which the
    subjects that were seen tell.

    Args:
        taken: Filters; those that name the subject end in `>` alone, or are it.
        subject: The subject to leave out, with all below it.
        seen: Subjects that the filters name.

    Raises:
        ValueError: A filter with another wildcard names a part of it.
    """
    base, found = subject.split("."), dict.fromkeys(one for one in taken if not _meets(one, subject))
    for one in taken:
        if not _meets(one, subject) or covers(f"{subject}.>", one) or one == subject:
            continue
        if not covers(one, f"{subject}.>") or "*" in one:
            raise ValueError(f"the filter {one} names a part of {subject}.>, and cannot be divided")
        above = len(one.split(".")) - 1
        found |= dict.fromkeys(".".join(base[:depth]) for depth in range(above + 1, len(base)))
        found |= dict.fromkeys(_beside(base, [subject for subject in seen if matches(one, subject)]))
    return list(found)


def _meets(one: str, subject: str) -> bool:
    return overlap(one, subject) or overlap(one, f"{subject}.>")


def _beside(base: list[str], seen: Iterable[str]) -> Iterator[str]:
    """Return filters of the places beside a place, and of all below them, where some subject was seen."""
    for tokens in sorted(subject.split(".") for subject in seen):
        same = next((at for at, token in enumerate(tokens) if at == len(base) or token != base[at]), len(tokens))
        if same < min(len(base), len(tokens)):
            place = ".".join(tokens[: same + 1])
            yield from (place, f"{place}.>")
