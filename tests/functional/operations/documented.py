"""Commands that a page tells an operator to type, run by a shell, with a stand-in for ``openstack`` that knows Placement's providers."""

import os
import subprocess
import textwrap
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path

RETIRE = Path(__file__).parents[3] / "docs/how-to/retire_a_host.rst"

_OPENSTACK = """#!/bin/sh
case "$*" in
    "resource provider list -f value -c uuid -c name") cat "$0.providers" ;;
    "resource provider delete "????????-*) echo "$4" >> "$0.deleted" ;;
    *) echo "openstack has no such command here: $*" >&2; exit 2 ;;
esac
"""


def block(page: Path, words: str) -> str:
    """The one literal block of a page that begins with these words."""
    lines = page.read_text().splitlines()
    begins = [number for number, line in enumerate(lines) if line.startswith(" ") and line.lstrip().startswith(words)]
    (begin,) = (number for number in begins if not lines[number - 1] and lines[number - 2].endswith("::"))
    indent = len(lines[begin]) - len(lines[begin].lstrip())
    return textwrap.dedent("\n".join(takewhile(lambda line: not line[:indent].strip(), lines[begin:])))


def run(script: str, providers: Mapping[str, str], folder: Path) -> tuple[str, list[str]]:
    """Type it.

    :param providers: the uuids of Placement's resource providers, and their names
    :param folder: where the stand-in may lie
    :returns: what was printed, and the uuids of the providers that are deleted by it, in this order
    """
    openstack = folder / "openstack"
    openstack.write_text(_OPENSTACK)
    openstack.chmod(0o755)
    (folder / "openstack.providers").write_text("".join(f"{uuid} {name}\n" for uuid, name in providers.items()))
    deleted = folder / "openstack.deleted"
    deleted.write_text("")
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env={"PATH": path}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == "", done.stderr
    return done.stdout, deleted.read_text().split()
