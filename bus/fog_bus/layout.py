"""Find the stream of a subtree among those that exist, whatever its name is, and say what it is to be like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fog_bus.filters import covers, without
from fog_bus.ports import Log, Transport
from fog_bus.streams import OLD_NAMES, StreamSettings
from fog_schema.paths import Path, ancestors
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
    if not path:
        return Layout(_of_all(kind, subjects, wanted, found))
    return await _of_subtree(bus, subjects.of(kind, path), wanted, found)


def _of_all(
    kind: str, subjects: Subjects, wanted: StreamSettings, found: Mapping[str, Sequence[str]]
) -> StreamSettings | None:
    """Return the stream of what subtrees do not have."""
    name = next((one for one in (wanted.name, OLD_NAMES[kind]) if one in found), "")
    if name:
        return replace(wanted, name=name, subjects=tuple(found[name]) if len(found) > 1 else wanted.subjects)
    if not found:
        return wanted
    head = f"{subjects.of(kind, ())}."
    taken = [one for several in found.values() for one in several]
    places = {tuple(one.removeprefix(head).removesuffix(".>").split(".")) for one in taken if one.startswith(head)}
    above = {subjects.of(kind, one) for place in places for one in ancestors(place)[:-1]}
    left = sorted(one for one in above if not any(covers(several, one) for several in taken))
    return replace(wanted, subjects=tuple(left)) if left else None


async def _seen(log: Log) -> list[str]:
    """Return all subjects that have messages in a stream, asked for page by page."""
    seen: list[str] = []
    while (page := await log.subjects(">", len(seen))) and (not seen or page[0] > seen[-1]):
        seen += page
    return seen


async def _of_subtree(bus: Transport, base: str, wanted: StreamSettings, found: Mapping[str, Sequence[str]]) -> Layout:
    """Return the stream of a subtree, and the one that has its subjects now without them."""
    if not found:
        return Layout(wanted)
    above = [name for name, taken in found.items() if any(covers(one, f"{base}.>") for one in taken)]
    if len(found) > 1 or not above:
        text = "; ".join(f"{name} takes {', '.join(taken)}" for name, taken in found.items())
        raise LayoutError(f"parts of {base}.> have streams of their own: {text}")
    seen = await _seen(bus.log(above[0]))
    try:
        left = without(found[above[0]], base, seen)
    except ValueError as error:
        raise LayoutError(f"{above[0]}: {error}") from None
    if not left:
        raise LayoutError(f"{above[0]} would have no subject left")
    return Layout(wanted, replace(wanted, name=above[0], subjects=tuple(left), named=frozenset()))
