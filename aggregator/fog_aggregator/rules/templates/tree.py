"""The tree of a template. `position` counts characters from the beginning of the template; `str` writes as Go does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Outside:
    """Text outside of actions."""

    text: str


@dataclass(frozen=True, slots=True)
class Dot:
    """The value at hand."""

    position: int

    def __str__(self) -> str:
        return "."


@dataclass(frozen=True, slots=True)
class Nil:
    """Nothing."""

    position: int

    def __str__(self) -> str:
        return "nil"


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, a number or a truth value, with the way it was written."""

    position: int
    value: str | float | bool
    source: str

    def __str__(self) -> str:
        return self.source


@dataclass(frozen=True, slots=True)
class Field:
    """Fields of the value at hand: ``.Labels.path``."""

    position: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable, or fields of it: ``$labels.path``."""

    position: int
    name: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.name, *self.names))


@dataclass(frozen=True, slots=True)
class Function:
    """The name of a function."""

    position: int
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Chain:
    """Fields of what stands in parentheses."""

    position: int
    operand: Operand
    names: tuple[str, ...]

    def __str__(self) -> str:
        inner = f"({self.operand})" if isinstance(self.operand, Pipeline) else str(self.operand)
        return inner + "".join(f".{name}" for name in self.names)


@dataclass(frozen=True, slots=True)
class Command:
    """A value, or a function with its arguments."""

    position: int
    words: tuple[Operand, ...]

    def __str__(self) -> str:
        return " ".join(f"({word})" if isinstance(word, Pipeline) else str(word) for word in self.words)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each with the value of the one before as its last argument, and the variables that get the result."""

    position: int
    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()
    assigns: bool = False

    def __str__(self) -> str:
        names = f"{', '.join(self.variables)} {'=' if self.assigns else ':='} " if self.variables else ""
        return names + " | ".join(map(str, self.commands))


Operand: TypeAlias = Dot | Nil | Literal | Field | Variable | Function | Chain | Pipeline


@dataclass(frozen=True, slots=True)
class Action:
    """A pipeline, whose result is written out unless a variable gets it."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Control:
    """An `if`, `with` or `range`: what it depends on, and the nodes for the one case and the other."""

    keyword: str
    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


Node: TypeAlias = Outside | Action | Control
