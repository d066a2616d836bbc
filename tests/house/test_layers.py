"""The house rules that a reader of the source can check: layers, cycles, purity, and what is public."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The packages that each package may import, beside the standard library and itself. Nobody imports upward.
TELEMETRY: frozenset[str] = frozenset()
SCHEMA = frozenset({"msgpack"})
BUS = frozenset({"fog_schema", "nats"})
AGENT = frozenset({"utilityfog_frontend", "fog_schema", "fog_bus", "psutil"})
AGGREGATOR = AGENT - {"psutil"} | {"fog_agent", "msgpack", "numpy", "aiohttp", "isal"}
TESTING = AGGREGATOR | {"fog_aggregator", "nats", "pytest"}
CLI = AGGREGATOR | {"fog_aggregator", "fog_testing", "nats", "psutil", "textual"}
PROVING = TESTING | {"fog_cli", "fog_testing"}
PACKAGES = {
    "telemetry/utilityfog_frontend": TELEMETRY,
    "schema/fog_schema": SCHEMA,
    "bus/fog_bus": BUS,
    "agent/fog_agent": AGENT,
    "aggregator/fog_aggregator": AGGREGATOR,
    "testing/fog_testing": TESTING,
    "cli/fog_cli": CLI,
    "proving/fog_proving": PROVING,
}

# Modules that a pure part must not import: values in, values out.
IMPURE = {"asyncio", "logging", "os", "random", "secrets", "signal", "socket", "threading", "time", "uuid"}

# Without the extras. `None` makes an import fail.
BARE_INSTALL = """
import sys
for extra in ("aiohttp", "isal", "numpy", "psutil", "textual"):
    sys.modules[extra] = None
import utilityfog_frontend.telemetry, fog_schema, fog_bus, fog_agent, fog_cli
"""


def modules(package: str) -> dict[str, Path]:
    """Every module of a package, by its full name."""
    base = (ROOT / package).parent
    return {
        ".".join(file.relative_to(base).with_suffix("").parts).removesuffix(".__init__"): file
        for file in sorted((ROOT / package).rglob("*.py"))
    }


ALL_MODULES = {name: file for package in PACKAGES for name, file in modules(package).items()}


def imports(name: str, nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Yield the modules that these statements of module `name` import, in full."""
    package = name if ALL_MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, base]).removesuffix(".")
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in ALL_MODULES else base


def everywhere(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements, those inside functions too."""
    return ast.walk(tree)


def when_imported(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements that run when the module is imported, or are read by type checkers as if they did."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from when_imported(node)


def parsed(name: str) -> ast.Module:
    """Return the module's syntax tree."""
    return ast.parse(ALL_MODULES[name].read_text("utf-8"))


@pytest.mark.parametrize("package", PACKAGES)
def test_nobody_imports_upward(package: str) -> None:
    """A package imports the standard library, itself and what its layer may know, inside functions too."""
    own = Path(package).name
    allowed = PACKAGES[package] | sys.stdlib_module_names | {own}
    wrong = [
        f"{name} imports {target}"
        for name in modules(package)
        for target in imports(name, everywhere(parsed(name)))
        if target.partition(".")[0] not in allowed
    ]
    assert wrong == []


def test_no_module_imports_itself_through_others() -> None:
    """Modules can be read in an order in which each knows only earlier ones."""
    graph = {
        name: {target for target in imports(name, when_imported(parsed(name))) if target != name}
        for name in ALL_MODULES
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize("name", modules("schema/fog_schema"))
def test_the_wire_contract_is_pure(name: str) -> None:
    """The codec has no clock, no randomness, no loop, no log: what it needs is handed in."""
    assert IMPURE.isdisjoint(imports(name, everywhere(parsed(name))))


def test_a_bare_install_runs() -> None:
    """SDK, schema, agent and the command import without any extra; who needs one asks for it when called."""
    subprocess.run([sys.executable, "-c", BARE_INSTALL], check=True)


@pytest.mark.parametrize("name", [name for name in ALL_MODULES if "__all__" in ALL_MODULES[name].read_text("utf-8")])
def test_all_is_true(name: str) -> None:
    """`__all__` is sorted, names nothing twice and nothing that is not there."""
    module = importlib.import_module(name)
    assert sorted(set(module.__all__)) == list(module.__all__)
    assert [public for public in module.__all__ if not hasattr(module, public)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_types_are_shipped(package: str) -> None:
    """Type checkers of users see our annotations."""
    assert list((ROOT / package).rglob("py.typed"))
