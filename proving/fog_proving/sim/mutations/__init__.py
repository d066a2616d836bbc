"""Leave out the rules of schema/SPEC.md one at a time: a promise must break, or the simulator proves nothing.

A mutation is a few attributes of the real code replaced for as long as a history runs. docs/simulation.md has the table
of what each needs to be caught.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from unittest.mock import patch

Patch: TypeAlias = tuple[Any, str, Any]
"""Of what, which attribute, and what to put in its place."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """A rule, and what the code becomes without it.

    Attributes:
        number: the rule's number in schema/SPEC.md, sections 11 to 13.
        rule: what it says, in short.
        patches: the parts of the code to replace.
    """

    number: str
    rule: str
    patches: Callable[[], list[Patch]]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While this lasts, the rule is left out."""
        with ExitStack() as stack:
            for owner, name, replacement in self.patches():
                of_instances = isinstance(replacement, property)  # else it must be there: a rule may have moved
                stack.enter_context(patch.object(owner, name, replacement, create=of_instances))
            yield


MUTATIONS: Final[dict[str, Mutation]] = {"": Mutation("", "none", list)}
"""Every mutation by its name, in the order of the files; the empty name leaves nothing out."""


def leaving_out(number: str, rule: str) -> Callable[[Callable[[], list[Patch]]], Callable[[], list[Patch]]]:
    """Register what a function returns as the mutation of the function's name; `number` is the rule's in SPEC.md."""

    def register(patches: Callable[[], list[Patch]]) -> Callable[[], list[Patch]]:
        MUTATIONS[patches.__name__.replace("_", "-")] = Mutation(number, rule, patches)
        return patches

    return register


def around(owner: Any, name: str, changed: Callable[..., Any]) -> Patch:
    """Replace a method by `changed`, which is called with the original before its arguments."""
    original = getattr(owner, name)
    return owner, name, lambda *args, **options: changed(original, *args, **options)


def nothing(*_: object, **__: object) -> None:
    """In place of a method: it does nothing."""


def always(value: Any) -> property:
    """In place of an attribute: it has this value, whatever is assigned."""
    return property(lambda _: value, nothing)
