"""The pytest plugin as its users meet it: in a pytest run of their own."""

import subprocess
import sys
from pathlib import Path

FAILING_TEST = """
def test_program(fog_nats):
    assert fog_nats.url.startswith("nats://127.0.0.1:")
    raise ValueError("the program is broken")
"""

# A start of pytest with the plugin and without what the extras bring. `None` makes an import fail.
LIGHT_START = """
import sys
for heavy in ("aiohttp", "isal", "nats", "numpy", "psutil"):
    sys.modules[heavy] = None
import pytest
code = pytest.main(["--collect-only", "-q", sys.argv[1]])
ours = sorted(name for name in sys.modules if name.startswith(("fog_", "utilityfog")))
print(code.value, ours)
"""


def run(*arguments: str, directory: Path) -> str:
    """Run pytest with settings of its own, and return its standard output."""
    (directory / "pytest.ini").write_text("[pytest]\n")
    (directory / "test_program.py").write_text(FAILING_TEST)
    done = subprocess.run([sys.executable, *arguments], cwd=directory, capture_output=True, text=True, check=False)
    return done.stdout


def test_a_failed_test_shows_the_servers_log(tmp_path: Path) -> None:
    """The fixture is there without any import, and its server's own words stand in the report of a failure."""
    output = run("-m", "pytest", "-p", "no:cacheprovider", directory=tmp_path)
    assert "the program is broken" in output
    assert "nats-server's log" in output
    assert "Server is ready" in output


def test_the_plugin_costs_nothing_until_a_fixture_is_asked_for(tmp_path: Path) -> None:
    """Pytest starts without any extra installed, and has imported nothing of ours but the plugin."""
    output = run("-c", LIGHT_START, "test_program.py", directory=tmp_path)
    assert output.splitlines()[-1] == "0 ['fog_testing', 'fog_testing.plugin']"
