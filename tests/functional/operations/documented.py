"""Commands that a page tells an operator to type, run by a shell, with a stand-in for ``openstack`` that knows Placement's providers."""

import os
import re
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


def block(page: Path, words: str, node: str) -> str:
    """The one literal block of a page with a line that begins with these words, for the compute node of this name."""
    lines = page.read_text().splitlines()
    begins = [number for number in range(2, len(lines)) if lines[number - 2].endswith("::") and not lines[number - 1]]
    (found,) = (text for text in (_indented(lines[begin:]) for begin in begins) if f"\n{words}" in f"\n{text}")
    named, count = re.subn(r"(?m)^node=\S+", f"node={node}", found)
    assert count == 1, found
    return named


def _indented(lines: list[str]) -> str:
    indent = len(lines[0]) - len(lines[0].lstrip())
    return textwrap.dedent("\n".join(takewhile(lambda line: indent and not line[:indent].strip(), lines)))


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
