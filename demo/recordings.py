"""Which recordings the host is made of: SSDs from one folder, persistent memory from the same or another one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demo import first_set

_PROJECT = Path(__file__).parents[1]
DATA = _PROJECT / "tests/data"
# In a folder with several sets, the first that has SSDs, and the first that has persistent memory.
_SETS = ("verdicts", "pmem", "", "recorded/verdicts", "recorded/pmem", "recorded", "captures")
_LSPCI, _NDCTL = "lspci-Dnmm.txt", "ndctl-list-NRDvi.json"
_OF_PMEM = (_NDCTL, "sysfs-nd.txt", "sysfs-dax.txt", "sysfs-pmem-block.txt")
_ANSWERS, _BOOT = "root-side.json", "boot-id.txt"


class NoRecordings(Exception):
    """There is nothing in a folder that a host could be made of."""


@dataclass(frozen=True)
class Recordings:
    """What two folders hold, by name."""

    ssds: Path
    pmem: Path
    files: Mapping[str, str]

    def put_into(self, folder: Path) -> None:
        """Write them into an empty folder."""
        for name, text in self.files.items():
            (folder / name).write_text(text)


def choose(wanted: Path | None) -> Recordings:
    """The recordings in a folder; what they lack, SSDs or persistent memory, comes from the project's own.

    :raises NoRecordings: when the folder has neither
    """
    own = [found for found in (DATA / name for name in _SETS) if found.is_dir()]
    named = [wanted / name for name in _SETS if (wanted / name).is_dir()] if wanted else []
    sets = {folder: _read(folder) for folder in dict.fromkeys((*named, *own))}
    if wanted and not any(_has_ssds(sets[one]) or _has_pmem(sets[one]) for one in named):
        raise NoRecordings(f"--captures {wanted}: there are no recordings such as {_LSPCI} or {_NDCTL} in it")
    ssds = next(folder for folder, files in sets.items() if _has_ssds(files))
    pmem = next(folder for folder, files in sets.items() if _has_pmem(files))
    controllers = next(found for found in map(_controllers, (sets[ssds], *sets.values())) if found)
    return Recordings(ssds, pmem, controllers | _joined(sets[ssds], sets[pmem]))


def shown(folder: Path) -> str:
    """A folder's name for people: within the project where it lies there."""
    return str(folder.relative_to(_PROJECT) if folder.is_relative_to(_PROJECT) else folder)


def _read(folder: Path) -> dict[str, str]:
    if (folder / first_set.LSPCI).exists():
        return first_set.read(folder)
    return {file.name: file.read_text(errors="replace") for file in sorted(folder.iterdir()) if file.is_file()}


def _has_ssds(files: Mapping[str, str]) -> bool:
    return '"0108"' in files.get(_LSPCI, "")


def _has_pmem(files: Mapping[str, str]) -> bool:
    return '"namespace' in files.get(_NDCTL, "")


def _controllers(files: Mapping[str, str]) -> dict[str, str]:
    """What the controllers say they can; all of one make say the same."""
    return {name: text for name, text in files.items() if name.startswith("nvme-id-ctrl-")}


def _joined(ssds: Mapping[str, str], pmem: Mapping[str, str]) -> dict[str, str]:
    joined = {name: text for name, text in ssds.items() if name not in _OF_PMEM}
    joined |= {name: text for name, text in pmem.items() if name in _OF_PMEM}
    if ssds.get(_BOOT) != pmem.get(_BOOT):
        # What root's side said about namespaces was about those of the other host.
        answers = json.loads(joined.get(_ANSWERS, "{}")) | {"namespace_users": {}}
        joined[_ANSWERS] = json.dumps(answers)
    return joined
