"""The source that the guards read: tracked files, modules, syntax trees, and the prose in them."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = (
    "telemetry/utilityfog_frontend",
    "schema/fog_schema",
    "bus/fog_bus",
    "agent/fog_agent",
    "aggregator/fog_aggregator",
    "testing/fog_testing",
    "cli/fog_cli",
    "proving/fog_proving",
)
"""The folders of the packages, bottom to top."""

BLOCK: Final = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
"""A block of code in a Markdown file."""

DOCUMENTED: Final = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Module:
    """One Python file of the repository."""

    file: str
    """The path from the root, with slashes."""
    name: str
    """The full name for imports; for scripts and tests as well."""

    @property
    def text(self) -> str:
        """The source."""
        return read(self.file)

    @property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return parse(self.file)

    @property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes of the syntax tree."""
        return nodes(self.file)


@cache
def read(file: str) -> str:
    """Read a file of the repository."""
    return (ROOT / file).read_text("utf-8")


@cache
def parse(file: str) -> ast.Module:
    """Parse a Python file of the repository."""
    return ast.parse(read(file))


@cache
def nodes(file: str) -> tuple[ast.AST, ...]:
    """List the nodes of a Python file's tree: a dozen guards look at all of them."""
    return tuple(ast.walk(parse(file)))


@cache
def tracked() -> tuple[str, ...]:
    """List the files that git knows or would add, without those that are gone or ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(sorted(file for file in set(listed.splitlines()) if (ROOT / file).is_file()))


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """List the Python files under these folders; without any, those of the packages."""
    inside = tuple(f"{folder}/" for folder in folders or PACKAGES)
    bases = {f"{package.partition('/')[0]}/" for package in PACKAGES}
    found = []
    for file in tracked():
        if file.endswith(".py") and file.startswith(inside):
            top = file[: file.index("/") + 1]
            local = file.removeprefix(top) if top in bases else file
            found.append(Module(file, local.removesuffix(".py").replace("/", ".").removesuffix(".__init__")))
    return tuple(found)


def every_module() -> tuple[Module, ...]:
    """List the Python files of the whole repository."""
    return modules(*sorted({file.partition("/")[0] for file in tracked() if "/" in file}))


def documents() -> tuple[str, ...]:
    """List the Markdown files."""
    return tuple(file for file in tracked() if file.endswith(".md"))


def imports(module: Module, nodes: Iterable[ast.AST] | None = None) -> Iterator[str]:
    """List what statements of a module import, by default all, also in functions: full names of modules."""
    known = names_of_modules()
    package = module.name if module.file.endswith("__init__.py") else module.name.rpartition(".")[0]
    for node in module.nodes if nodes is None else nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, base]).removesuffix(".")
            for alias in node.names:
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base


@cache
def names_of_modules() -> frozenset[str]:
    """Collect the full names of the packages' modules."""
    return frozenset(module.name for module in modules())


@cache
def texts(module: Module) -> tuple[tuple[int, str], ...]:
    """List the docstrings and the comments of a module, with their line."""
    return (*docstrings(module), *comments(module))


def docstrings(module: Module) -> Iterator[tuple[int, str]]:
    """List the docstrings of a module, its classes, functions and attributes, with their line."""
    for node in module.nodes:
        if isinstance(node, DOCUMENTED):
            for statement in node.body:
                if (
                    isinstance(statement, ast.Expr)
                    and isinstance(statement.value, ast.Constant)
                    and isinstance(statement.value.value, str)
                ):
                    yield statement.lineno, statement.value.value


def comments(module: Module) -> Iterator[tuple[int, str]]:
    """List the comments of a module; lines of comments that follow each other are one."""
    lines: list[tuple[int, str]] = []
    if "#" not in module.text:
        return
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT:
            text = token.string.lstrip("#: ")
            alone = not token.line[: token.start[1]].strip()
            if alone and lines and lines[-1][0] + lines[-1][1].count("\n") + 1 == token.start[0]:
                lines[-1] = (lines[-1][0], f"{lines[-1][1]}\n{text}")
            else:
                lines.append((token.start[0], text))
    yield from lines


def paragraphs(file: str) -> Iterator[tuple[int, str]]:
    """List the prose of a Markdown file by paragraphs and table cells, without headings and blocks of code."""
    text = BLOCK.sub(lambda match: "\n" * match[0].count("\n"), read(file))
    start, held = 1, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], 1):
        row = line.startswith("|")
        if row or not line.strip() or line.startswith(("#", "    ")) or re.match(r"\s*(?:[-*]|\d+\.) ", line):
            if held:
                yield start, "\n".join(held)
            held = []
        if row:
            yield from ((number, cell.strip()) for cell in line.strip("|").split("|"))
        elif line.strip() and not line.startswith(("#", "    ")):
            start = start if held else number
            held.append(line)
