"""The cores and the read side are pure: values and time in, values and effects out."""

from __future__ import annotations

import ast
import re
from typing import Final

from tests.house.offenders import Found, guard, hold
from tests.house.source import Module, imports, modules

PURE: Final = re.compile(
    r"(^|/)(core|query|promql)/|^aggregator/fog_aggregator/kernels/(?!load\.|cache\.)"
    r"|^aggregator/fog_aggregator/(analysis|history|notifications|outgoing|past|rules|sources)/"
    r"|^schema/fog_schema/"
    r"|^bus/fog_bus/(ports|streams|filters|memory/stream)\.py$"
    r"|^agent/fog_agent/sources/scraping/(text|page|families)\.py$"
    r"|^agent/fog_agent/sources/otlp/(?!(listener|settings|source)\.)"
    r"|^agent/fog_agent/sources/statsd/(families|lines|mapping|plan|series|totals)\.py$"
    r"|^aggregator/fog_aggregator/components/rollup/(replica|watch)\.py$"
    r"|^agent/fog_agent/sources/jobs/(kinds|limits|message)\.py$"
    r"|^cli/fog_cli/(words|top/screen)/|^cli/fog_cli/live/messages\.py$"
    r"|^telemetry/utilityfog_frontend/telemetry/exponential/"
    r"|^telemetry/utilityfog_frontend/telemetry/journal/(kinds|layout|live|reading|slots)\.py$"
)
"""The files that must be pure."""

IMPURE: Final = {
    "asyncio", "concurrent", "glob", "io", "logging", "mmap", "multiprocessing", "os", "platform", "secrets", "select",
    "shutil", "signal", "socket", "subprocess", "tempfile", "threading", "time", "uuid", "warnings",
}  # fmt: skip
"""Modules of the standard library that know the clock, the host, files, threads or the event loop."""

BUILTINS: Final = {"open", "print", "input", "breakpoint"}
OF_FILES: Final = {
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "mkdir",
    "unlink",
    "iterdir",
    "stat",
    "exists",
}
OF_SYS: Final = {"byteorder", "intern", "maxsize", "getsizeof"}
"""Facts of the interpreter; the rest of `sys` is the process's."""

OF_CLOCKS: Final = {"now", "utcnow", "today"}
THIRD_PARTY: Final = {"numpy", "numba", "msgpack", "promql_parser", "re2", "yaml"}
SHARED: Final = ("fog_schema", "fog_bus.filters", "fog_bus.ports", "fog_bus.streams")
"""Pure packages and modules that every core may know."""

PURE_TELEMETRY: Final = tuple(
    f"utilityfog_frontend.telemetry.{name}"
    for name in (
        "bridges.otel_names",
        "journal.layout",
        "journal.reading",
        "model",
        "names",
        "labels",
        "exponential",
        "exposition",
        "foreign.readings",
        "kinds",
        "support.numeric",
    )
)
OWN: Final = {
    "agent/fog_agent/core": ("fog_agent.core",),
    "agent/fog_agent/sources/otlp": ("fog_agent.sources.otlp",),
    "agent/fog_agent/sources/scraping": ("fog_agent.sources.scraping", "fog_agent.sources.names"),
    "agent/fog_agent/sources/jobs": ("fog_agent.sources.jobs",),
    "agent/fog_agent/sources/statsd": ("fog_agent.sources.statsd", "fog_agent.sources.names"),
    "aggregator/fog_aggregator/core": (
        "fog_aggregator.core",
        "fog_aggregator.kernels.layout",
        "fog_aggregator.kernels.ports",
        "fog_agent.core",
    ),
    "aggregator/fog_aggregator/kernels": ("fog_aggregator.kernels",),
    "aggregator/fog_aggregator/query": (
        "fog_aggregator.query",
        "fog_aggregator.core",
        "fog_aggregator.kernels.ports",
        "fog_agent.core",
    ),
    "aggregator/fog_aggregator/promql": ("fog_aggregator.promql",),
    "aggregator/fog_aggregator/components/rollup": (
        "fog_aggregator.components.rollup.watch",
        "fog_aggregator.query",
        "fog_aggregator.core",
        "fog_agent.core",
    ),
    "aggregator/fog_aggregator/notifications": (
        "fog_aggregator.notifications",
        "fog_aggregator.promql.labels",
        "fog_aggregator.promql.errors",
        "fog_aggregator.core.saved",
    ),
    "aggregator/fog_aggregator/outgoing": (
        "fog_aggregator.outgoing",
        "fog_aggregator.history",
        "fog_aggregator.promql",
        "fog_aggregator.core.saved",
    ),
    "aggregator/fog_aggregator/rules": (
        "fog_aggregator.rules",
        "fog_aggregator.history.routing",
        "fog_aggregator.notifications",
        "fog_aggregator.promql",
        "fog_aggregator.core.saved",
    ),
    "aggregator/fog_aggregator/analysis": (
        "fog_aggregator.analysis",
        "fog_aggregator.history.routing",
        "fog_aggregator.promql",
    ),
    "aggregator/fog_aggregator/past": (
        "fog_aggregator.past",
        "fog_aggregator.history.routing",
        "fog_aggregator.query",
        "fog_aggregator.promql",
        "fog_aggregator.core",
        "fog_agent.core",
    ),
    "aggregator/fog_aggregator/history": (
        "fog_aggregator.query",
        "fog_aggregator.history",
        "fog_aggregator.promql",
        "fog_aggregator.core",
    ),
    "aggregator/fog_aggregator/sources": (
        "fog_aggregator.sources",
        "fog_aggregator.history",
        "fog_aggregator.promql",
    ),
    "telemetry/utilityfog_frontend/telemetry/exponential": (),
    "telemetry/utilityfog_frontend/telemetry/journal": ("utilityfog_frontend.telemetry.journal",),
    "cli/fog_cli/words": ("fog_cli.words",),
    "cli/fog_cli/top/screen": ("fog_cli.top.screen", "fog_cli.words"),
    "cli/fog_cli/live": (),
    "schema/fog_schema": (),
    "bus/fog_bus": (),
}
"""By folder, the parts of the house that it stands on beside the shared ones."""

FIRST_PARTY: Final = re.compile(r"(fog_\w+|utilityfog_frontend)(\.|$)")


def known_to(module: Module) -> tuple[str, ...]:
    """List the modules of the house that a pure module may import."""
    own = next(known for folder, known in OWN.items() if module.file.startswith(f"{folder}/"))
    return SHARED + PURE_TELEMETRY + own if "/fog_schema/" not in module.file else ("fog_schema",)


def impure_attribute(node: ast.Attribute) -> str:
    """Name what an attribute reaches for: the process's own randomness, or `sys`; empty for any other."""
    owner = node.value.id if isinstance(node.value, ast.Name) else ""
    if owner == "random" and node.attr != "Random":  # the type of a generator that is handed in
        return f"random.{node.attr}"
    return f"sys.{node.attr}" if owner == "sys" and node.attr not in OF_SYS else ""


def impure_call(node: ast.Call) -> str:
    """Name what a call reaches for: a clock, a file or the terminal; empty for any other."""
    if isinstance(node.func, ast.Name):
        return f"{node.func.id}()" if node.func.id in BUILTINS else ""
    if not isinstance(node.func, ast.Attribute):
        return ""
    name, owner = node.func.attr, node.func.value
    of_clock = name in OF_CLOCKS and isinstance(owner, ast.Name) and owner.id in {"datetime", "date"}
    if name in OF_FILES or of_clock:
        return f".{name}()"
    return "random.Random() without a seed" if name == "Random" and not node.args else ""


def impurities(module: Module) -> list[str]:
    """List what makes a module impure."""
    found = []
    for target in imports(module):
        top = target.partition(".")[0]
        leaves = FIRST_PARTY.match(target) and not target.startswith(known_to(module))
        if top in IMPURE or leaves:
            found.append(f"{module.file}: imports {target}")
    for node in module.nodes:
        if isinstance(node, ast.Attribute | ast.Call):
            what = impure_attribute(node) if isinstance(node, ast.Attribute) else impure_call(node)
            found += [f"{module.file}:{node.lineno}: {what}"] if what else []
    return found


@guard("purity")
def impure_modules() -> Found:
    """Find what makes the modules of `core/`, `query/`, the schema and the ports of the bus impure."""
    return {module.file: impurities(module) for module in modules() if PURE.search(module.file)}


def test_cores_are_pure() -> None:
    """No clock, loop, log, file, thread or randomness in a core, and no import that leaves it."""
    hold("purity")


def test_there_are_cores() -> None:
    """The guard looks at both cores, the read side, the schema and the ports."""
    files = [module.file for module in modules() if PURE.search(module.file)]
    assert [folder for folder in OWN if not any(file.startswith(folder) for file in files)] == []
