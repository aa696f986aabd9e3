"""The tools that root's side runs, for the drivers that need them."""

import re
from dataclasses import dataclass

from nova_accel.commands.checks.facts import Facts, Unknown
from nova_accel.commands.checks.result import Result, failure, ok

_VERSION = re.compile(r"\d+(?:\.\d+)+|\d+", re.ASCII)


@dataclass(frozen=True)
class Tool:
    """One tool."""

    name: str
    package: str
    """Its Debian package; other distributions call most of them the same."""
    for_ssds: bool
    for_pmem: bool
    version: str = "--version"


TOOLS = (
    Tool("lspci", "pciutils", for_ssds=True, for_pmem=False),
    Tool("nvme", "nvme-cli", for_ssds=True, for_pmem=False, version="version"),
    Tool("blkdiscard", "util-linux", for_ssds=True, for_pmem=False),
    Tool("wipefs", "util-linux", for_ssds=True, for_pmem=False),
    Tool("ndctl", "ndctl", for_ssds=False, for_pmem=True),
    Tool("daxio", "pmdk-tools", for_ssds=False, for_pmem=True),
)


def tools(facts: Facts) -> Result:
    """Each tool that an enabled driver needs is there."""
    needed = [tool for tool in TOOLS if (tool.for_ssds and facts.uses_ssds) or (tool.for_pmem and facts.uses_pmem)]
    missing = [tool for tool in needed if facts.which(tool.name) is None]
    if missing:
        packages = " ".join(dict.fromkeys(tool.package for tool in missing))
        return failure(
            f"not found in root's path: {', '.join(tool.name for tool in missing)}", f"Install the packages {packages}."
        )
    return ok(", ".join(f"{tool.name} {_version(facts, tool)}" for tool in needed) or "no enabled driver needs one")


def _version(facts: Facts, tool: Tool) -> str:
    try:
        found = _VERSION.search(facts.output([facts.which(tool.name) or tool.name, tool.version]))
    except Unknown:  # only for people: what the tool says is checked where it is read
        found = None
    return found[0] if found else "of unknown version"
