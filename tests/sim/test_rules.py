"""The numbered rules of SPEC.md, sections 11 to 13, and the mutations that leave them out."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

from fog_proving.sim import mutations
from fog_proving.sim.mutations import MUTATIONS

ROOT = Path(__file__).parents[2]
NUMBER = r"R1[123]\.\d+"
RULES = re.findall(rf"^\*\*({NUMBER})\*\*", (ROOT / "schema" / "SPEC.md").read_text("utf-8"), re.MULTILINE)
SIMULATION = (ROOT / "docs" / "simulation.md").read_text("utf-8")
REASONS = dict(
    re.findall(
        rf"^\| ({NUMBER}) \| (\S.*?) \| .* \|$", SIMULATION.partition("## Rules without a mutation")[2], re.MULTILINE
    )
)
"""The rules that no mutation leaves out, each with the reason."""

CITING = [
    file
    for folder in ("agent", "aggregator", "bus", "cli", "docs", "proving", "schema", "telemetry", "testing", "tests")
    for pattern in ("*.py", "*.md")
    for file in (ROOT / folder).rglob(pattern)
]

for module in pkgutil.iter_modules(mutations.__path__, "fog_proving.sim.mutations."):
    importlib.import_module(module.name)


def test_rules_are_numbered_in_order() -> None:
    """Each section counts from 1 without holes, so that a number names one rule."""
    for section in (11, 12, 13):
        numbers = [int(rule.partition(".")[2]) for rule in RULES if rule.startswith(f"R{section}.")]
        assert numbers == list(range(1, len(numbers) + 1))
        assert numbers


def test_a_mutation_names_a_rule() -> None:
    """The number of every mutation is one of SPEC.md's."""
    assert {mutation.number for name, mutation in MUTATIONS.items() if name} <= set(RULES)


def test_every_rule_has_a_mutation_or_a_reason() -> None:
    """A rule that the simulator does not leave out is listed in docs/simulation.md, and no other is."""
    left_out = {mutation.number for name, mutation in MUTATIONS.items() if name}
    assert left_out.isdisjoint(REASONS)
    assert left_out | set(REASONS) == set(RULES)


def test_the_table_of_mutations_has_every_one() -> None:
    """docs/simulation.md names each mutation with its rule's number."""
    listed = {
        name: number for number, name in re.findall(rf"^\| ({NUMBER}) .*?\(`([a-z-]+)`\) \|", SIMULATION, re.MULTILINE)
    }
    assert listed == {name: mutation.number for name, mutation in MUTATIONS.items() if name}


def test_a_cited_rule_exists() -> None:
    """Code and documents cite only rules that SPEC.md has."""
    cited = {file: set(re.findall(rf"\b{NUMBER}\b", file.read_text("utf-8"))) for file in CITING}
    assert len(cited) > 1000
    assert {str(file): wrong for file, rules in cited.items() if (wrong := rules - set(RULES))} == {}
