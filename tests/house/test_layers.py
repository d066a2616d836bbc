"""The layers of the house: who imports whom, without cycles, and what is public."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.house.source import PACKAGES, ROOT, imports, modules

# The packages that each package may import, beside the standard library and itself. Nobody imports upward.
TELEMETRY: frozenset[str] = frozenset()
SCHEMA = frozenset({"msgpack"})
BUS = frozenset({"fog_schema", "nats"})
AGENT = frozenset(
    {"utilityfog_frontend", "fog_schema", "fog_bus", "psutil", "re2", "yaml"}
)  # the last three if installed
AGGREGATOR = AGENT - {"psutil"} | {"fog_agent", "msgpack", "numba", "numpy", "aiohttp", "cramjam", "isal"}
AGGREGATOR |= {"promql_parser", "re2", "yaml"}
TESTING = AGGREGATOR | {"fog_aggregator", "nats", "pytest", "pytest_asyncio"}
CLI = AGGREGATOR | {"fog_aggregator", "fog_testing", "nats", "nkeys", "psutil", "rich", "textual"}
PROVING = TESTING | {"fog_cli", "fog_testing", "atheris"}
ALLOWED = {
    "telemetry/utilityfog_frontend": TELEMETRY,
    "schema/fog_schema": SCHEMA,
    "bus/fog_bus": BUS,
    "agent/fog_agent": AGENT,
    "aggregator/fog_aggregator": AGGREGATOR,
    "testing/fog_testing": TESTING,
    "cli/fog_cli": CLI,
    "proving/fog_proving": PROVING,
}

# A bridge to a library that is no dependency: nothing imports it but the program that has this library.
BRIDGES = {"utilityfog_frontend.telemetry.bridges.opentelemetry": frozenset({"opentelemetry"})}

# Without the extras. `None` makes an import fail.
BARE_INSTALL = """
import sys
extras = "aiohttp cramjam isal nkeys numba numpy promql_parser psutil re2 rich textual yaml"
for extra in extras.split():
    sys.modules[extra] = None
for bridged in ("opentelemetry", "prometheus_client"):
    sys.modules[bridged] = None
import utilityfog_frontend.telemetry.bridges, fog_schema, fog_bus, fog_agent, fog_cli
"""


def when_imported(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements that run when the module is imported, or are read by type checkers as if they did."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from when_imported(node)


@pytest.mark.parametrize("package", PACKAGES)
def test_nobody_imports_upward(package: str) -> None:
    """A package imports the standard library, itself and what its layer may know, inside functions too."""
    allowed = ALLOWED[package] | sys.stdlib_module_names | {Path(package).name}
    wrong = [
        f"{module.name} imports {target}"
        for module in modules(package)
        for target in imports(module)
        if target.partition(".")[0] not in allowed | BRIDGES.get(module.name, frozenset())
    ]
    assert wrong == []


@pytest.mark.parametrize("bridge", BRIDGES)
def test_nobody_imports_a_bridge(bridge: str) -> None:
    """Only the program that has its library does."""
    assert [module.name for module in modules() if bridge in imports(module)] == []


def test_http_reads_values_alone() -> None:
    """The HTTP component asks the network-wide collector: it imports no columns, and of the core values alone."""
    values = ("fog_aggregator.core.events.newest", "fog_aggregator.core.places.coverage")
    wrong = [
        f"{module.name} imports {target}"
        for module in modules("aggregator/fog_aggregator/components/http")
        for target in imports(module)
        if target.partition(".")[0] == "numpy" or (target.startswith("fog_aggregator.core") and target not in values)
    ]
    assert wrong == []


def test_no_module_imports_itself_through_others() -> None:
    """Modules can be read in an order in which each knows only earlier ones."""
    graph = {
        module.name: {target for target in imports(module, when_imported(module.tree)) if target != module.name}
        for module in modules()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_a_bare_install_runs() -> None:
    """SDK, schema, agent and the command import without any extra; who needs one asks for it when called."""
    subprocess.run([sys.executable, "-c", BARE_INSTALL], check=True)


@pytest.mark.parametrize("name", [module.name for module in modules() if "__all__" in module.text])
def test_all_is_true(name: str) -> None:
    """`__all__` is sorted, names nothing twice and nothing that is not there."""
    module = importlib.import_module(name)
    assert sorted(set(module.__all__)) == list(module.__all__)
    assert [public for public in module.__all__ if not hasattr(module, public)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_types_are_shipped(package: str) -> None:
    """Type checkers of users see our annotations."""
    assert list((ROOT / package).rglob("py.typed"))
