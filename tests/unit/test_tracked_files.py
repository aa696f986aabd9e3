"""The project stands alone: no file of it knows a machine, and the source distribution has all of them."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOREIGN = re.compile(r"(?<![\w/}])/(?:home|root)/[\w.]")
# What setuptools takes into a source distribution by itself, and what only a checkout is for.
ALWAYS = {"LICENSE", "README.md", "nova_accel", "plugin", "pyproject.toml", "setup.cfg"}
CHECKOUT_ONLY = {".ci", ".gitignore"}


def tracked() -> list[Path]:
    """Ask git, also where root runs the tests in somebody else's clone."""
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_tracked_file_names_a_path_of_a_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert found == []


def test_the_source_distribution_has_every_tracked_file() -> None:
    tops = {path.relative_to(ROOT).parts[0] for path in tracked()}
    lines = [line.split() for line in (ROOT / "MANIFEST.in").read_text().splitlines()]
    named = {name for command, *names in lines if command in ("include", "graft") for name in names}
    assert named == tops - ALWAYS - CHECKOUT_ONLY
