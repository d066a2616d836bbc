"""The site builds without a warning: every link, section and directive resolves."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.test_contents import contents
from tests.house.source import ROOT, read


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site with the command of `make docs`, into a folder of the test's."""
    folder = tmp_path_factory.mktemp("site")
    [command] = re.findall(r"^\t@\$\(BIN\)/python -m (sphinx .*)$", read("Makefile"), re.MULTILINE)
    arguments = command.replace("build/docs", str(folder)).split()
    built = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_on_the_site(site: Path) -> None:
    """As a file of HTML, where the Markdown file lies; the address without a name leads to the contents."""
    missing = [page for page in contents() if not (site / page).with_suffix(".html").is_file()]
    assert missing == []
    assert "docs/index.html" in (site / "index.html").read_text("utf-8")


def test_commands_that_print_help_are_followed_by_a_table_of_options(site: Path) -> None:
    """The table is made of what the command declares, so that it cannot be out of date."""
    for page, flag in (("agent", "--ephemeral"), ("aggregator", "--publish-rollup")):
        text = (site / "docs" / f"{page}.html").read_text("utf-8")
        table = text[text.index('id="options"') :]
        assert f">{flag}</span>" in table, page
        assert "FOG_" in table, page
    assert "publish alerts on fog.v1.alerts.&lt;path&gt;" in table  # as written, and no markup


def test_the_reference_has_docstrings(site: Path) -> None:
    """A class of the SDK is there with its methods, and nothing that the site needs is fetched from elsewhere."""
    text = (site / "docs" / "reference.html").read_text("utf-8")
    assert 'id="utilityfog_frontend.telemetry.TelemetryCollector.register_counter"' in text
    assert re.findall(r'<(?:script|link)[^>]+(?:src|href)="https?://', text) == []
