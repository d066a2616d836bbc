"""The types in the comments of the page's modules, as TypeScript checks them: `make types`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
INSTALLED: Final = ROOT / ".venv" / "types" / "node_modules" / ".bin" / "tsc"
TSC: Final = str(INSTALLED) if INSTALLED.exists() else shutil.which("tsc")


@pytest.mark.skipif(TSC is None, reason="there is no tsc: `make types` installs it where npm is")
def test_types_are_as_the_comments_say() -> None:
    """No module uses a value as what it is not, and none imports a name that it does not use."""
    done = subprocess.run([str(TSC), "-p", "tests/page/types"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
