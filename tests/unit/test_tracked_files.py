"""The project stands alone: no file of it knows the machine that it was written on."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Spelt so that this file does not hold them.
FOREIGN = re.compile(
    "|".join([r"(?<![\w/}])/" + rf"{top}/[\w.]" for top in ("work", "home", "root")] + ["[.]{2}/shared"])
)


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
