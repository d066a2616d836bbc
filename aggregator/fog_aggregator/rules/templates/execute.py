"""Execution of templates over their data, with Go's words for what fails, and within limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.labels import Labels
from fog_aggregator.rules.templates.errors import CallError
from fog_aggregator.rules.templates.functions import ANY, FUNCTIONS, Signature
from fog_aggregator.rules.templates.tree import (
    Action,
    Chain,
    Command,
    Control,
    Dot,
    Field,
    Function,
    Literal,
    Nil,
    Node,
    Operand,
    Outside,
    Pipeline,
)
from fog_aggregator.rules.templates.values import Struct, is_true, sample, show, type_name

MAX_STEPS: Final = 100_000
"""Nodes of one execution; `range` repeats them."""

MAX_OUTPUT: Final = 65_536
"""Characters of the result."""

_OFFSET: Final = len(
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"
)
"""Prometheus puts this before each template, and its errors count columns from there."""

_NOTHING: Final = object()
"""A command without a value from the one before it."""


class ExecutionError(Exception):
    """A template that failed on its data; the text is Go's, with the place."""


class Execution:
    """One execution of a template."""

    def __init__(
        self,
        source: str,
        name: str,
        data: Struct,
        variables: dict[str, Any],
        query: Callable[[str], Sequence[tuple[Labels, float]]],
    ) -> None:
        self._source, self._name = source, name
        self._variables = [("$", data), *variables.items()]
        self._query = query
        self._out: list[str] = []
        self._size = self._steps = 0
        self._at: Operand | Command = Nil(0)

    def run(self, nodes: Sequence[Node]) -> str:
        """Execute nodes: the text.

        Raises:
            ExecutionError: when they fail.
        """
        self._walk(nodes, self._variables[0][1])
        return "".join(self._out)

    def _failure(self, text: str) -> ExecutionError:
        """Make the error that ends the execution, with the place of the node at hand as Go writes it."""
        source, name, position = self._source, self._name, self._at.position
        line = source.count("\n", 0, position) + 1
        column = len(source[source.rfind("\n", 0, position) + 1 : position].encode()) + (_OFFSET if line == 1 else 0)
        where = f'template: {name}:{line}:{column}: executing "{name}" at <{self._at}>'
        return ExecutionError(f"{where}: {text}")

    def _walk(self, nodes: Sequence[Node], dot: Any) -> None:
        for node in nodes:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise self._failure(f"more than {MAX_STEPS} steps")
            if isinstance(node, Outside):
                self._write(node.text)
            elif isinstance(node, Action):
                value = self._pipeline(node.pipeline, dot)
                if not node.pipeline.variables:
                    self._write("<no value>" if value is None else show(value))
            elif node.keyword == "range":
                self._range(node, dot)
            else:
                self._branch(node, dot)

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_OUTPUT:
            raise self._failure(f"more than {MAX_OUTPUT} characters")
        self._out.append(text)

    def _branch(self, node: Control, dot: Any) -> None:
        mark = len(self._variables)
        value = self._pipeline(node.pipeline, dot)
        if is_true(value):
            self._walk(node.body, value if node.keyword == "with" else dot)
        else:
            self._walk(node.otherwise, dot)
        del self._variables[mark:]

    def _range(self, node: Control, dot: Any) -> None:
        mark = len(self._variables)
        items = list(self._items(self._pipeline(node.pipeline, dot)))
        inner = len(self._variables)
        for item in items:
            names = node.pipeline.variables
            for name, part in zip(reversed(names), reversed(item), strict=False):
                self._set(name, part)
            self._walk(node.body, item[1])
            del self._variables[inner:]
        del self._variables[mark:]
        if not items:
            self._walk(node.otherwise, dot)

    def _items(self, value: Any) -> Iterator[tuple[Any, Any]]:
        """List what `range` goes through: keys with values, or places with elements."""
        if isinstance(value, dict):
            yield from sorted(value.items())
        elif isinstance(value, list):
            yield from enumerate(value)
        elif value is not None:
            raise self._failure(f"range can't iterate over {show(value)}")

    def _set(self, name: str, value: Any) -> None:
        for place in range(len(self._variables) - 1, -1, -1):
            if self._variables[place][0] == name:
                self._variables[place] = (name, value)
                return

    def _pipeline(self, pipeline: Pipeline, dot: Any) -> Any:
        self._at, value = pipeline.commands[0], _NOTHING
        for command in pipeline.commands:
            value = self._command(command, dot, value)
        for name in pipeline.variables:
            if pipeline.assigns:
                self._set(name, value)
            else:
                self._variables.append((name, value))
        return value

    def _command(self, command: Command, dot: Any, final: Any) -> Any:
        first, *arguments = command.words
        if isinstance(first, Function):
            return self._call(first, command, arguments, dot, final)
        self._at = first
        has_arguments = bool(arguments) or final is not _NOTHING
        if has_arguments and not getattr(first, "names", ()):
            raise self._failure(f"can't give argument to non-function {first}")
        if isinstance(first, Nil):
            raise self._failure("nil is not a command")
        return self._value(first, dot, has_arguments=has_arguments)

    def _value(self, word: Operand, dot: Any, *, has_arguments: bool = False) -> Any:
        """Evaluate an operand; only functions take arguments."""
        self._at = word
        if isinstance(word, Dot | Nil | Literal):
            return dot if isinstance(word, Dot) else word.value if isinstance(word, Literal) else None
        if isinstance(word, Pipeline):
            return self._pipeline(word, dot)
        if isinstance(word, Function):
            return self._call(word, word, [], dot, _NOTHING)
        if isinstance(word, Field):
            value = dot
        elif isinstance(word, Chain):
            value = self._value(word.operand, dot)
        else:
            value = self._variable(word.name)
        self._at = word
        return self._fields(value, word.names, has_arguments=has_arguments)

    def _variable(self, name: str) -> Any:
        for known, value in reversed(self._variables):
            if known == name:
                return value
        raise self._failure(f"undefined variable: {name}")

    def _fields(self, value: Any, names: Sequence[str], *, has_arguments: bool) -> Any:
        for name in names:
            is_called = has_arguments and name is names[-1]
            if is_called and isinstance(value, dict):
                raise self._failure(f"{name} is not a method but has arguments")
            if is_called and isinstance(value, Struct) and name in value.fields:
                raise self._failure(f"{name} has arguments but cannot be invoked as function")
            if isinstance(value, dict):
                value = value.get(name, "")
            elif isinstance(value, Struct) and name in value.fields:
                value = value.fields[name]
            elif value is None:
                raise self._failure(f'nil data; no entry for key "{name}"')
            else:
                raise self._failure(f"can't evaluate field {name} in type {type_name(value)}")
        return value

    def _call(self, function: Function, node: Operand | Command, words: Sequence[Operand], dot: Any, final: Any) -> Any:
        """Call a function with its arguments, and the value of the command before as the last one."""
        self._at = function
        signature = FUNCTIONS[function.name]
        count = len(words) + (final is not _NOTHING)
        wanted = len(signature.types)
        if signature.rest and count < wanted:
            raise self._failure(f"wrong number of args for {function}: want at least {wanted} got {len(words)}")
        if not signature.rest and count != wanted:
            raise self._failure(f"wrong number of args for {function}: want {wanted} got {count}")
        if function.name in {"and", "or"}:
            return self._lazy(function.name, words, dot, final)
        arguments = [self._argument(word, dot, _type_at(signature, place)) for place, word in enumerate(words)]
        if final is not _NOTHING:
            arguments.append(self._checked(final, _type_at(signature, len(words))))
        try:
            return self._ask(*arguments) if signature.call is None else signature.call(*arguments)
        except (CallError, QueryError) as error:
            self._at = node
            raise self._failure(f"error calling {function}: {error}") from None

    def _ask(self, expression: str) -> list[Struct]:
        return [sample(labels, value) for labels, value in self._query(expression)]

    def _lazy(self, name: str, words: Sequence[Operand], dot: Any, final: Any) -> Any:
        """Evaluate arguments until one decides: the first false one for `and`, the first true one for `or`."""
        value: Any = None
        for word in words:
            value = self._value(word, dot)
            if is_true(value) == (name == "or"):
                return value
        return value if final is _NOTHING else final

    def _argument(self, word: Operand, dot: Any, wanted: str) -> Any:
        if wanted != ANY and isinstance(word, Literal) and wanted != type_name(word.value):
            self._at = word
            raise self._failure(
                f"expected string; found {word}"
                if wanted == "string"
                else f"can't handle {word} for arg of type {wanted}"
            )
        return self._checked(self._value(word, dot), wanted)

    def _checked(self, value: Any, wanted: str) -> Any:
        """Refuse a value of another type than is wanted."""
        if wanted == ANY or type_name(value) == wanted:
            return value
        if value is None:
            raise self._failure(f"cannot assign nil to {wanted}")
        raise self._failure(f"wrong type for value; expected {wanted}; got {type_name(value)}")


def _type_at(signature: Signature, place: int) -> str:
    return signature.types[place] if place < len(signature.types) else signature.rest
