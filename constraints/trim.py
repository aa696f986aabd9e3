"""Trim a release's upper constraints to what an installation of ours, Nova and Placement really pulls in.

    python constraints/trim.py 2026.2 nova===34.0.0 openstack-placement===16.0.0 \\
        --instead keystoneauth1===5.16.0 --upper upper-constraints.txt --python python3.11 --python python3.13

resolves with pip on each interpreter (nothing is installed) and writes constraints/2026.2.txt beside this file.
``--instead`` gives a version that differs from upper-constraints, which then are named in the header.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
WANTED = f"{HERE.parent}[test,lab,docs]"
HEADER = """\
# What the tests of nova_accel install for OpenStack {release}.
#
# Source: upper-constraints.txt of openstack/requirements for {release}, trimmed by constraints/trim.py to the
# packages that {nova}, {placement} and our own extras pull in.
#
# Not from there:
{differences}
"""


def canonical(name: str) -> str:
    """Spell a distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def by_name(lines: list[str]) -> dict[str, list[str]]:
    """Sort pins (``name===1.0``, perhaps with a marker) by canonical name."""
    pins: dict[str, list[str]] = {}
    for line in lines:
        if line and not line.startswith("#"):
            pins.setdefault(canonical(line.split("===")[0]), []).append(line)
    return pins


def resolved(python: str, pins: dict[str, list[str]], extra: list[str]) -> dict[str, str]:
    """Ask pip what it would install, as canonical name and version."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as limits, tempfile.NamedTemporaryFile() as report:
        limits.write("\n".join(line for lines in pins.values() for line in lines))
        limits.flush()
        command = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "-c", limits.name]
        subprocess.run([*command, "--report", report.name, WANTED, *extra], check=True)
        installed = json.loads(Path(report.name).read_text())["install"]
    return {canonical(item["metadata"]["name"]): item["metadata"]["version"] for item in installed}


def main() -> None:
    """Write the file of one release."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release")
    parser.add_argument("nova")
    parser.add_argument("placement")
    parser.add_argument("--instead", action="append", default=[], metavar="NAME===VERSION")
    parser.add_argument("--upper", type=Path, required=True)
    parser.add_argument("--python", action="append", required=True)
    given = parser.parse_args()

    services = by_name([given.nova, given.placement])
    instead = by_name(given.instead)
    upper = by_name(given.upper.read_text().splitlines())
    pins = upper | services | instead
    tools = by_name((HERE / "tools.txt").read_text().splitlines())
    names: set[str] = set()
    for python in given.python:
        found = resolved(python, pins | tools, [given.nova, given.placement])
        names |= found.keys()
        for name in sorted(found.keys() - pins.keys() - tools.keys() - {"nova-accel"}):
            print(f"{python}: no constraint for {name} {found[name]}", file=sys.stderr)

    differences = [
        f"# {line} (upper-constraints do not name services)" for lines in services.values() for line in lines
    ]
    differences += [
        f"# {lines[0]} instead of {upper[name][0]}, which is older than {given.nova} asks for"
        for name, lines in instead.items()
    ]
    text = HEADER.format(
        release=given.release, nova=given.nova, placement=given.placement, differences="\n".join(differences)
    )
    text += "".join(f"{line}\n" for name in sorted(names & pins.keys()) for line in pins[name])
    (HERE / f"{given.release}.txt").write_text(text)


if __name__ == "__main__":
    main()
