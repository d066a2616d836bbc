"""The parser of templates: a tree out of tokens, with Go's words for what is wrong."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, NoReturn

from fog_aggregator.rules.templates.errors import TemplateError
from fog_aggregator.rules.templates.lexer import UNSUPPORTED_KEYWORDS, LexError, Token, tokens
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
    Variable,
)

MAX_SOURCE: Final = 16_384
"""Characters of a template."""

MAX_NESTING: Final = 30
"""Controls and parentheses inside of each other."""

_OPERANDS: Final = frozenset({"bool", "dot", "field", "number", "nil", "raw", "text", "variable", "open", "word"})
_NOT_EXECUTABLE: Final = Literal | Dot | Nil
_ESCAPE: Final = re.compile(r"\\(?:(?P<code>x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3})|(?P<letter>.))")
_LETTERS: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"',
}  # fmt: skip


def parse_template(source: str, name: str, variables: Collection[str], functions: Collection[str]) -> tuple[Node, ...]:
    """Parse a template with some variables and functions; `name` is for the errors.

    Raises:
        TemplateError: when it cannot be read, or calls what is not supported.
    """
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"template: {name}: {len(source)} characters: at most {MAX_SOURCE} are read")
    parser = _Parser(source, name, variables, functions)
    try:
        parser.fill()
        return parser.template()
    except LexError as error:
        raise parser.error(str(error), error.position) from None


class _Parser:
    """Reads tokens one after the other."""

    def __init__(self, source: str, name: str, variables: Collection[str], functions: Collection[str]) -> None:
        self._source = source
        self._template = name
        self._variables = list(variables)
        self._functions = functions
        self._tokens: list[Token] = []
        self._next = 0
        self._depth = 0

    def fill(self) -> None:
        """Cut the template into tokens; an error comes when the parser gets there, as in Go."""
        failure = None
        try:
            self._tokens.extend(tokens(self._source))
        except LexError as error:
            failure = error
        if failure is not None:
            self._tokens.append(Token("error", str(failure), failure.position))

    def error(self, text: str, position: int | None = None) -> TemplateError:
        """Make an error at a place; without one, at the last token."""
        where = self._tokens[max(self._next - 1, 0)].position if position is None else position
        return TemplateError(f"template: {self._template}:{self._source.count(chr(10), 0, where) + 1}: {text}")

    def template(self) -> tuple[Node, ...]:
        """Read everything."""
        nodes, end = self._nodes()
        if end.kind != "eof":
            raise self.error(f"unexpected {{{{{end.text}}}}}")
        return nodes

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += token.kind not in {"eof", "error"}
        if token.kind == "error":
            raise LexError(token.text, token.position)
        return token

    def _peek(self) -> Token:
        token = self._take()
        self._next -= token.kind != "eof"
        return token

    def _skip_space(self) -> None:
        while self._tokens[self._next].kind == "space":
            self._next += 1

    def _unexpected(self, token: Token, context: str) -> NoReturn:
        raise self.error(f"unexpected {token} in {context}")

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self.error(f"more than {MAX_NESTING} levels are not read")

    def _nodes(self) -> tuple[tuple[Node, ...], Token]:
        """Read nodes up to the end, an `end` or an `else`, which is returned."""
        nodes: list[Node] = []
        while (token := self._take()).kind != "eof":
            if token.kind == "outside":
                nodes.append(Outside(token.text))
                continue
            self._skip_space()
            keyword = self._peek()
            if keyword.kind != "keyword":
                nodes.append(Action(self._pipeline("command", "right")))
                continue
            self._take()
            if keyword.text in UNSUPPORTED_KEYWORDS:
                raise self.error(
                    f"template keyword {keyword.text} is not supported (supported: if, else, range, with, end)"
                )
            if keyword.text in {"else", "end"}:
                return tuple(nodes), keyword
            nodes.append(self._control(keyword.text))
        return tuple(nodes), token

    def _control(self, keyword: str) -> Control:
        """Read a control after its keyword."""
        self._enter()
        mark = len(self._variables)
        pipeline = self._pipeline(keyword, "right")
        body, end = self._nodes()
        otherwise: tuple[Node, ...] = ()
        if end.kind == "keyword" and end.text == "else":
            otherwise, end = self._otherwise(keyword)
        elif end.kind == "keyword":
            self._end("end")
        if end.kind == "eof":
            raise self.error("unexpected EOF")
        del self._variables[mark:]
        self._depth -= 1
        return Control(keyword, pipeline, body, otherwise)

    def _otherwise(self, keyword: str) -> tuple[tuple[Node, ...], Token]:
        """Read the other case: `else if` is an `if` of its own, which the same `end` closes."""
        self._skip_space()
        token = self._peek()
        if keyword == "if" and (token.kind, token.text) == ("keyword", "if"):
            self._take()
            return (self._control("if"),), Token("keyword", "end", token.position)
        self._end("else")
        nodes, end = self._nodes()
        if end.kind == "keyword":
            if end.text == "else":
                raise self.error(f"expected end; found {{{{{end.text}}}}}")
            self._end("end")
        return nodes, end

    def _end(self, context: str) -> None:
        """Read the end of an action that takes no pipeline."""
        self._skip_space()
        token = self._take()
        if token.kind != "right":
            self._unexpected(token, context)

    def _pipeline(self, context: str, end: str) -> Pipeline:
        self._skip_space()
        position = self._peek().position
        names, assigns = self._declared(context)
        commands: list[Command] = []
        while True:
            self._skip_space()
            token = self._take()
            if token.kind == end:
                break
            if token.kind not in _OPERANDS:
                self._unexpected(token, context)
            self._next -= 1
            commands.append(self._command())
        if not commands:
            raise self.error(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.words[0], _NOT_EXECUTABLE):
                raise self.error(f"non executable command in pipeline stage {stage}")
        return Pipeline(position, tuple(commands), names, assigns)

    def _declared(self, context: str) -> tuple[tuple[str, ...], bool]:
        """Read the variables that get the pipeline's value, if there are any."""
        begin, names = self._next, []
        while self._peek().kind == "variable":
            names.append(self._take().text)
            self._skip_space()
            token = self._peek()
            if token.kind in {"declare", "assign"}:
                self._take()
                if token.kind == "declare":
                    self._variables += names
                self._check_known(names)
                return tuple(names), token.kind == "assign"
            if token.kind != "comma":
                break
            self._take()
            self._skip_space()
            if context != "range" or len(names) > 1:
                raise self.error(f"too many declarations in {context}")
        self._next = begin
        return (), False

    def _check_known(self, names: Collection[str]) -> None:
        for name in names:
            if name not in self._variables:
                raise self.error(f'undefined variable "{name}"')

    def _command(self) -> Command:
        words: list[Operand] = []
        position = self._peek().position
        while True:
            self._skip_space()
            operand = self._operand()
            if operand is not None:
                words.append(operand)
            token = self._take()
            if token.kind == "space":
                continue
            if token.kind in {"right", "close"}:
                self._next -= 1
            elif token.kind != "pipe":
                self._unexpected(token, "operand")
            break
        if not words:
            raise self.error("empty command")
        return Command(position, tuple(words))

    def _operand(self) -> Operand | None:
        term = self._term()
        if term is None or self._peek().kind != "field":
            return term
        position, names = self._peek().position, []
        while self._peek().kind == "field":
            names.append(self._take().text[1:])
        if isinstance(term, Field):
            return Field(position, (*term.names, *names))
        if isinstance(term, Variable):
            return Variable(position, term.name, tuple(names))
        if isinstance(term, Literal | Nil | Dot):
            raise self.error(f'unexpected . after term "{term}"')
        return Chain(position, term, tuple(names))

    def _term(self) -> Operand | None:
        token = self._peek()
        if token.kind not in _OPERANDS:
            return None
        self._take()
        if token.kind == "open":
            self._enter()
            pipeline = self._pipeline("parenthesized pipeline", "close")
            self._depth -= 1
            return pipeline
        return self._literal(token) or self._name(token)

    def _literal(self, token: Token) -> Operand | None:
        """Make a node of a token that says itself what it is."""
        position = token.position
        if token.kind in {"text", "raw"}:
            return Literal(position, self._text(token), token.text)
        if token.kind == "number":
            return Literal(position, self._number(token.text), token.text)
        if token.kind == "bool":
            return Literal(position, token.text == "true", token.text)
        if token.kind == "dot":
            return Dot(position)
        return Nil(position) if token.kind == "nil" else None

    def _name(self, token: Token) -> Operand:
        """Make a node of a name: a field, a variable or a function."""
        if token.kind == "field":
            return Field(token.position, (token.text[1:],))
        if token.kind == "variable":
            self._check_known([token.text])
            return Variable(token.position, token.text)
        if token.text not in self._functions:
            supported = ", ".join(sorted(self._functions))
            raise self.error(f"template function {token.text} is not supported (supported: {supported})")
        return Function(token.position, token.text)

    def _number(self, text: str) -> float:
        """Read a number: an integer unless it has a point or an exponent."""
        try:
            if any(mark in text for mark in ".eE") and "x" not in text.lower():
                return float(text)
            octal = re.fullmatch(r"([+-]?)0(\d+)", text)
            return int(f"{octal[1]}0o{octal[2]}" if octal else text, 0)
        except ValueError:
            raise self.error(f'bad number syntax: "{text}"') from None

    def _text(self, token: Token) -> str:
        """Read a text without its quotes."""
        if token.kind == "raw":
            return token.text[1:-1].replace("\r", "")

        def unescape(match: re.Match[str]) -> str:
            if match["code"]:
                return chr(int(match["code"].lstrip("xuU"), 8 if match["code"].isdigit() else 16))
            if match["letter"] not in _LETTERS:
                raise self.error("invalid syntax")
            return _LETTERS[match["letter"]]

        try:
            return _ESCAPE.sub(unescape, token.text[1:-1])
        except (ValueError, OverflowError):
            raise self.error("invalid syntax") from None
