"""Everything that documents and comments name is there: files, modules, commands, links, and pages that they cite."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import PurePosixPath
from typing import Final

import pytest

from fog_cli.arguments import build_parser
from fog_cli.commands import load
from fog_cli.config import options_of
from tests.house.offenders import Found, guard, hold
from tests.house.source import ROOT, documents, every_module, modules, read, texts, tracked

PAGE: Final = re.compile(r"\b[A-Z][A-Z0-9_]*\.md\b")
CODE: Final = re.compile(r"(?<!`)(`{1,2})([^`\n]+)\1(?!`)")
LINK: Final = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FILE: Final = re.compile(
    r"[\w.*{},…/-]+\.(?:py|md|toml|conf|yml|yaml|hex|service|txt|png|in)\b/?|[\w*.-]+(?:/[\w*.-]+)*/"
)
DOTTED: Final = re.compile(r"(?:fog_(?:agent|aggregator|schema|bus|cli|testing|proving)|utilityfog_frontend)(?:\.\w+)+")
NAME: Final = re.compile(r"_?[A-Z][a-z]\w*[A-Z]\w*|_?[a-z]+(?:_[a-z0-9]+)+\(?\)?|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
COMMAND: Final = re.compile(r"(fog|make) ([a-z][\w.-]*)")
MODULE_RUN: Final = re.compile(r"python -m ([\w.]+)")

OF_A_USER: Final = ("/", "~", "http", "shop.py", "program.py", "gunicorn.conf.py", "acme/", "my_app")
"""Paths of a reader's own machine and program."""

NOT_FILES: Final = re.compile(
    r"^(?:fog|f|chaos|<prefix>|<parent>|acme|\.well-known)/|^\w/$|NAME\.hex$|/metrics|/api/|^/"
)
"""Paths in the tree of a fog, and URLs."""

OF_THE_PAST: Final = re.compile(r"^(docs/decisions/(?!README)|CHANGELOG\.md$)")
"""Pages about the past: names in them were right then."""

NAMED_THINGS: Final = (
    "ARCHITECTURE.md",
    "docs/simulation.md",
    "docs/chaos.md",
    "schema/SPEC.md",
    "docs/decisions/README.md",
)
"""Documents in which a name in backticks is one of the code's."""

ELSEWHERE: Final = {
    "max_age", "max_payload", "node_exporter", "prometheus_client", "sync_interval", "wait_seconds_total",
}  # fmt: skip
"""Names that belong to other programs."""


@cache
def names_in_code() -> frozenset[str]:
    """Collect every identifier of the Python files, tests included, and every word of short strings."""
    found: set[str] = set()
    for module in every_module():
        found.add(module.name.rpartition(".")[2])
        for node in module.nodes:
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 80:
                found.update(re.findall(r"\w+", node.value))
    return frozenset(found)


@cache
def endings() -> frozenset[str]:
    """Collect every tracked file from each of its folders on: `a/b/c.py`, `b/c.py`, `c.py`."""
    parts = [file.split("/") for file in tracked()]
    return frozenset("/".join(part[at:]) for part in parts for at in range(len(part)))


@cache
def resolves(name: str, beside: str) -> bool:
    """Tell whether a file, a folder or a pattern names tracked files: from the root, from the page, or by its end."""
    name = name.removeprefix("./").removeprefix("…/")
    if name in endings():
        return True
    folder = name.endswith("/")
    wanted = name.rstrip("/")
    options = [wanted]
    for group in re.findall(r"\{([^}]*)\}", wanted):
        options = [option.replace("{" + group + "}", one, 1) for option in options for one in group.split(",")]
    parent = PurePosixPath(beside).parent
    return all(any(matches(file, option, parent, folder=folder) for file in tracked()) for option in options)


def matches(file: str, wanted: str, parent: PurePosixPath, *, folder: bool) -> bool:
    """Tell whether a tracked file is, or lies in, what a text names."""
    if folder:
        inside = f"/{file.rpartition('/')[0]}/"
        return fnmatch(inside, f"*/{wanted}/*")
    relative = (ROOT / parent / wanted).resolve()
    from_root = str(relative.relative_to(ROOT)) if relative.is_relative_to(ROOT) else wanted
    middle = wanted.split("…/")
    if len(middle) == 2:
        return file.startswith(middle[0]) and file.endswith(middle[1])
    return fnmatch(file, wanted) or fnmatch(file, f"*/{wanted}") or fnmatch(file, from_root)


def importable(name: str) -> bool:
    """Tell whether a dotted name is a module of the house, or something in one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return part in getattr(found, "__annotations__", {}) or part in getattr(found, "__slots__", ())
            found = getattr(found, part)
        return True
    return False


@cache
def commands() -> dict[str, frozenset[str]]:
    """Collect the subcommands of `fog` and the targets of make."""
    listed = importlib.import_module("fog_cli.commands").SUMMARIES
    return {"fog": frozenset(listed), "make": frozenset(re.findall(r"^([.\w]+):", read("Makefile"), re.MULTILINE))}


@cache
def flags_of(command: str) -> frozenset[str]:
    """Collect the options of a subcommand of `fog`."""
    settings = load(command).settings
    parser = build_parser(command, "", options_of(settings, command))
    return frozenset(flag for action in parser._actions for flag in action.option_strings)  # noqa: SLF001 - as fog_cli does


def unknown_words(line: str) -> Iterator[str]:
    """List the subcommand, target or options of a command line that `fog` and make do not have."""
    match = COMMAND.match(line)
    if match is None:
        return
    if match[2] not in commands()[match[1]]:
        yield f"no command: {match[0]}"
    elif match[1] == "fog":
        said = re.findall(r"(?<=\s)--[a-z][\w.-]*", re.split(r"\s#|\||[;()]", line)[0])
        yield from (f"no option of fog {match[2]}: {flag}" for flag in said if flag not in flags_of(match[2]))


def unresolved(text: str, beside: str) -> Iterator[str]:
    """List what a piece of code in a text names and the repository has not."""
    if COMMAND.match(text):
        yield from unknown_words(text)
        return
    yield from (
        f"no module: {name}" for name in MODULE_RUN.findall(text) if name.startswith("fog_") and not importable(name)
    )
    if DOTTED.fullmatch(text) and not importable(text) and not resolves(text, beside):
        yield f"no module: {text}"
    elif FILE.fullmatch(text) and not text.startswith(OF_A_USER) and not NOT_FILES.search(text):
        yield from () if resolves(text, beside) else (f"no file: {text}",)


def in_document(file: str) -> Iterator[str]:
    """List what a document names and the repository has not."""
    text = read(file)
    yield from (f"no page: {page}" for page in PAGE.findall(text) if not resolves(page, file))
    for link in LINK.findall(text):
        if "://" not in link and not link.startswith("mailto:") and not (ROOT / file).parent.joinpath(link).exists():
            yield f"no file: {link}"
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    if not OF_THE_PAST.match(file):
        for line in text.splitlines():
            yield from unknown_words(line.strip().removeprefix("$ "))
            scripts = re.findall(r"python (\w[\w/]*/\w+\.py)", line)
            yield from (f"no file: {script}" for script in scripts if not resolves(script, file))
    for _, code in CODE.findall(prose):
        if not OF_THE_PAST.match(file):
            yield from unresolved(code, file)
            if file in NAMED_THINGS and NAME.fullmatch(code):
                bare = code.removesuffix("()")
                if bare not in names_in_code() and bare not in ELSEWHERE:
                    yield f"no name: {code}"


@guard("references")
def broken_references() -> Found:
    """Find files, pages, modules, commands and names that a text cites and that are not there."""
    found = {file: [f"{file}: {what}" for what in in_document(file)] for file in documents()}
    for module in every_module():
        if module.file == "tests/house/test_references.py":
            continue
        lines = found.setdefault(module.file, [])
        for line, text in texts(module):
            named = [f"no page: {page}" for page in PAGE.findall(text) if not resolves(page, module.file)]
            for _, code in CODE.findall(text):
                if "/" in code or code.endswith((".py", ".md")) or DOTTED.fullmatch(code):
                    named += unresolved(code, module.file)
            lines += [f"{module.file}:{line}: {what}" for what in named]
    return found


def test_what_a_text_names_is_there() -> None:
    """Files, modules, commands and links resolve, and nothing cites a page that is not in the repository."""
    hold("references")


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("schema/SPEC.md", True),
        ("tests/house/", True),
        ("telemetry/…/instruments/gate.py", True),
        ("core/no_such_file.py", False),
        ("fog_schema.codec.decode", True),
        ("fog_schema.codec.decod", False),
        ("fog demo", True),
        ("fog no-such-command", False),
        ("make sim", True),
        ("make no-such-target", False),
        ("fog streams apply --user admin", True),
        ("fog aggregator --no-such-option", False),
        ("fog/0/3", True),
    ],
)
def test_the_guard_knows_what_it_looks_for(text: str, *, fine: bool) -> None:
    """A name resolves if the repository has it, and only then."""
    assert (not list(unresolved(text, "README.md"))) is fine


def test_there_are_modules() -> None:
    """The guard reads the packages."""
    assert len(modules()) > 100
