"""A virtualenv to install into, used from outside of any checkout."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONSTRAINTS = os.environ.get("NOVA_ACCEL_CONSTRAINTS", str(ROOT / "constraints/2026.2.txt"))
TIMEOUT_S = 15 * 60


class Virtualenv:
    """A virtualenv; everything in it runs from ``/``, where no checkout can be on the path."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=TIMEOUT_S)
        self.folder = folder
        self.site_packages = next(folder.glob("lib/python3*/site-packages"))

    def python(self, *arguments: str | Path) -> str:
        """Run the interpreter and give its standard output; its errors fail the test."""
        command = [self.folder / "bin/python", *arguments]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(command, cwd="/", env=clean, capture_output=True, text=True, timeout=TIMEOUT_S)
        assert done.returncode == 0, f"{' '.join(map(str, arguments))}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def install(self, *what: str | Path) -> None:
        self.python("-m", "pip", "install", "--quiet", "-c", CONSTRAINTS, *what)

    def uninstall(self, name: str) -> None:
        self.python("-m", "pip", "uninstall", "--quiet", "--yes", name)
