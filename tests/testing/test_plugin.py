"""The pytest plugin as its users meet it: in a pytest run of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.warm import Popen

FLEET_TEST = """
import asyncio
import pytest

@pytest.fixture
def anyio_backend():
    return "BACKEND"

MARK
async def test_orders(fog_fleet):
    shop = await fog_fleet.node("fog/0/3")
    shop.register_counter("orders_total", "Orders").increment(3)
    await fog_fleet.settle()
    assert fog_fleet.value("orders_total") == 3
    assert fog_fleet.loop is asyncio.get_running_loop()
"""

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


def run_fleet_test(directory: Path, *arguments: str, mark: str, backend: str = "asyncio") -> str:
    """Run a test with `fog_fleet` in a pytest of its own, and return its output."""
    (directory / "pytest.ini").write_text("[pytest]\n")
    (directory / "test_fleet.py").write_text(FLEET_TEST.replace("MARK", mark).replace("BACKEND", backend))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    output = directory / "output.txt"
    with output.open("w") as file, Popen(command, cwd=directory, stdout=file, stderr=file) as process:
        try:
            process.wait(timeout=120)
        finally:
            process.kill()
    return output.read_text()


@pytest.mark.parametrize(
    ("arguments", "mark"),
    [
        (["-o", "asyncio_mode=strict"], "@pytest.mark.asyncio"),
        (["-o", "asyncio_mode=auto"], ""),
        (["-o", "asyncio_mode=strict"], "@pytest.mark.anyio"),
        (["-p", "no:asyncio"], "@pytest.mark.anyio"),
    ],
    ids=["strict", "auto", "anyio beside strict", "anyio alone"],
)
def test_the_fleet_lives_on_the_tests_loop(tmp_path: Path, arguments: list[str], mark: str) -> None:
    """The plugin that runs the test runs the fixture, and both on one loop."""
    assert "1 passed" in (output := run_fleet_test(tmp_path, *arguments, mark=mark)), output


def test_without_a_loop_the_error_says_what_to_install(tmp_path: Path) -> None:
    """And what to write."""
    arguments = ("-p", "no:asyncio", "-p", "no:anyio")
    output = run_fleet_test(tmp_path, *arguments, mark="@pytest.mark.filterwarnings('ignore')")
    assert "pip install 'utilityfog-telemetry[test]'" in output
    assert "asyncio_mode = auto" in output
    assert "1 error" in output


def test_another_backend_of_anyio_is_refused(tmp_path: Path) -> None:
    """Its loop is not asyncio's."""
    output = run_fleet_test(tmp_path, "-p", "no:asyncio", mark="@pytest.mark.anyio", backend="trio")
    assert "1 passed" not in output


def test_a_fleet_on_another_loop_than_the_tests_says_so(tmp_path: Path) -> None:
    """As with a test on a loop of its session, whose fixtures are not: it would wait for ever."""
    output = run_fleet_test(tmp_path, mark="@pytest.mark.asyncio(loop_scope='session')")
    assert "asyncio_default_fixture_loop_scope" in output
    assert "1 failed" in output
