"""docs/reference.md has every public name, and no other."""

from __future__ import annotations

import importlib
import re
from typing import Final

import pytest

from tests.house.source import read

PAGE: Final = read("docs/reference.md")
MODULES: Final = ("utilityfog_frontend.telemetry", "fog_agent", "utilityfog_frontend.telemetry.bridges")


def documented(module: str) -> list[str]:
    """List the names that the page's block of a module has."""
    _, _, after = PAGE.partition(f".. currentmodule:: {module}\n")
    text = after.partition(".. currentmodule::")[0]
    return re.findall(r"^\.\. auto(?:class|function):: (\w+)$", text, re.MULTILINE)


@pytest.mark.parametrize("module", MODULES)
def test_the_page_has_each_public_name_once(module: str) -> None:
    """The names of `__all__`."""
    assert sorted(documented(module)) == sorted(importlib.import_module(module).__all__)
