"""Find the stream of a subtree among those that exist, whatever its name is, and say what it is to be like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fog_bus.filters import covers, without
from fog_bus.ports import Transport
from fog_bus.streams import OLD_NAMES, StreamSettings
from fog_schema.paths import Path, ancestors, is_under
from fog_schema.subjects import Subjects


class LayoutError(ValueError):
    """The streams that exist are such that a subtree cannot have its own; the text says why."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The streams of one kind that are to be changed.

    Attributes:
        wanted: The stream of the subtree, under the name that it has; None when no subject is left for it.
        above: The stream that has its subjects now, without them; None when none has.
    """

    wanted: StreamSettings | None
    above: StreamSettings | None = None


async def lay_out(bus: Transport, kind: str, subjects: Subjects, path: Path, wanted: StreamSettings) -> Layout:
    """Compare what is wanted with the streams that exist.

    Raises:
        LogError: The server refused, or did not answer.
        LayoutError: Streams are such that nothing can be done.
    """
    names = await bus.holding(wanted.subjects)
    found = {name: (await bus.log(name).info()).subjects for name in names}
    same = [name for name, taken in found.items() if {*taken} == {*wanted.subjects}]
    if same:
        return Layout(replace(wanted, name=same[0]))
    own = next((one for one in (wanted.name, *([] if path else [OLD_NAMES[kind]])) if one in found), "")
    if not found or (own and _lies_within(wanted, found[own])):
        return Layout(_as_it_is(wanted, own, found))
    outer = {name: taken for name, taken in found.items() if not _lies_within(wanted, taken)}
    if not outer:
        return Layout(_beside(kind, subjects, path, wanted, found))
    return await _taken_out(bus, f"{subjects.of(kind, ())}.>", subjects.of(kind, path), wanted, outer)


def _lies_within(wanted: StreamSettings, taken: Sequence[str]) -> bool:
    return all(any(covers(wide, one) for wide in wanted.subjects) for one in taken)


def _as_it_is(wanted: StreamSettings, own: str, found: Mapping[str, Sequence[str]]) -> StreamSettings:
    """Return what is wanted under the name that it has, and with its subjects where its parts have own streams."""
    if not own:
        return wanted
    return replace(wanted, name=own, subjects=tuple(found[own]) if len(found) > 1 else wanted.subjects)


def _beside(
    kind: str, subjects: Subjects, path: Path, wanted: StreamSettings, found: Mapping[str, Sequence[str]]
) -> StreamSettings | None:
    """Return the stream of the places that the streams of parts do not have; None when nothing is left of a whole.

    Raises:
        LayoutError: Nothing is left of a subtree.
    """
    head = f"{subjects.of(kind, ())}."
    taken = [one for several in found.values() for one in several]
    places = {tuple(one.removeprefix(head).removesuffix(".>").split(".")) for one in taken if one.startswith(head)}
    above = {subjects.of(kind, one) for place in places for one in ancestors(place)[:-1] if is_under(one, path)}
    left = sorted(one for one in above if not any(covers(several, one) for several in taken))
    if path and not left:
        raise LayoutError(f"parts of {subjects.of(kind, path)}.> have streams of their own: {_list(found)}")
    return replace(wanted, subjects=tuple(left)) if left else None


def _list(found: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{name} takes {', '.join(taken)}" for name, taken in found.items())


async def _seen(bus: Transport, everything: str, taken: Sequence[str]) -> list[str]:
    """Return all subjects of some filters that have messages, in whichever stream they were stored when they came."""
    found: set[str] = set()
    for name in await bus.holding([everything]):
        for one in taken:
            seen: list[str] = []
            while (page := await bus.log(name).subjects(one, len(seen))) and (not seen or page[0] > seen[-1]):
                seen += page
            found.update(seen)
    return sorted(found)


async def _taken_out(
    bus: Transport, everything: str, base: str, wanted: StreamSettings, outer: Mapping[str, Sequence[str]]
) -> Layout:
    """Return the stream of a subtree, and the one that has its subjects now without them."""
    if len(outer) > 1:
        raise LayoutError(f"parts of {base}.> are in several streams of other places too: {_list(outer)}")
    [(name, taken)] = outer.items()
    if any(covers(one, f"{base}.>") for one in taken):
        mine = list(wanted.subjects)
    else:  # the rest of the subtree is in streams of its parts
        mine = [one for one in taken if _lies_within(wanted, [one])]
    try:
        left = without(taken, base, await _seen(bus, everything, taken))
    except ValueError as error:
        raise LayoutError(f"{name}: {error}") from None
    if not left:
        raise LayoutError(f"{name} would have no subject left")
    above = replace(wanted, name=name, subjects=tuple(left), named=frozenset())
    return Layout(replace(wanted, subjects=tuple(mine)), above)
