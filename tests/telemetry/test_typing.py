"""Users' programs are checked under `mypy --strict`: the package is typed, and its types say what is wrong."""

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[1] / "typing" / "user_program.py"


def test_a_users_program_is_clean_and_its_mistakes_are_found(tmp_path: Path) -> None:
    """As an installed package sees it: with none of the project's own settings."""
    (tmp_path / "program.py").write_text(PROGRAM.read_text("utf-8"), "utf-8")
    settings = tmp_path / "mypy.ini"
    settings.write_text("[mypy]\nstrict = True\n", "utf-8")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", settings, "--cache-dir", tmp_path / "cache", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
