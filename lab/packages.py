"""Debian packages that are unpacked into the lab's cache, never installed on the user's machine.

What is to be unpacked is what apt itself would install: the packages and the dependencies
that the machine lacks. So no service is started, and no file outside the cache is written.
"""

from __future__ import annotations

import hashlib
import pathlib
import shutil
import subprocess
from collections.abc import Sequence

MERGED = ("bin", "sbin", "lib", "lib32", "lib64")  # symbolic links to usr/… on a merged-usr system


class NoPackage(Exception):
    """apt does not know a package."""

    def __init__(self, names: Sequence[str], said: str) -> None:
        super().__init__(f"apt cannot provide {' '.join(names)}: {said.strip()} (is `apt-get update` needed?)")
        self.names = tuple(names)


def missing(names: Sequence[str]) -> list[str]:
    """The packages out of ``names`` and their dependencies that are not installed, as ``name=version``."""
    argv = ["apt-get", "-s", "--no-install-recommends", "install", *names]
    run = subprocess.run(
        argv, capture_output=True, text=True, env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    )
    if run.returncode:
        raise NoPackage(names, run.stderr)
    return [
        f"{words[1]}={_version(line)}" for line in run.stdout.splitlines() if (words := line.split())[:1] == ["Inst"]
    ]


def _version(line: str) -> str:
    """``Inst udev [old] (252.39-1~deb12u2 Debian:12.15/oldstable [amd64])`` -> the new version."""
    return line.partition("(")[2].split()[0]


def unpacked(names: Sequence[str], cache: pathlib.Path) -> pathlib.Path:
    """The tree with ``names`` and what they need, unpacked once for each set of versions."""
    return _tree(names[0], missing(names), cache)


def unpacked_exactly(names: Sequence[str], cache: pathlib.Path) -> pathlib.Path:
    """The tree with ``names`` alone, installed on this machine or not."""
    argv = ["apt-cache", "--no-all-versions", "show", *names]
    run = subprocess.run(argv, capture_output=True, text=True)
    fields = [line.split(": ")[1] for line in run.stdout.splitlines() if line.startswith(("Package: ", "Version: "))]
    if run.returncode or len(fields) != 2 * len(names):
        raise NoPackage(names, run.stderr)
    return _tree(
        names[0], [f"{name}={version}" for name, version in zip(fields[::2], fields[1::2], strict=True)], cache
    )


def _tree(name: str, wanted: Sequence[str], cache: pathlib.Path) -> pathlib.Path:
    key = hashlib.sha256("\n".join(sorted(wanted)).encode()).hexdigest()[:16]
    tree = cache / f"{name}-{key}"
    if not tree.exists():
        fresh = cache / f"{tree.name}.part"
        shutil.rmtree(fresh, ignore_errors=True)
        _unpack(_download(wanted, cache / "debs"), fresh)
        fresh.rename(tree)
    return tree


def _download(wanted: Sequence[str], folder: pathlib.Path) -> list[pathlib.Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[pathlib.Path] = []
    for package in wanted:
        name, _, version = package.partition("=")
        pattern = f"{name}_{version.replace(':', '%3a')}_*.deb"
        if not list(folder.glob(pattern)):
            subprocess.run(
                ["apt-get", "-q", "-o", "APT::Sandbox::User=", "download", package],
                cwd=folder,
                check=True,
                capture_output=True,
            )
        paths += folder.glob(pattern)
    return paths


def _unpack(packages: Sequence[pathlib.Path], tree: pathlib.Path) -> None:
    for name in MERGED:
        (tree / "usr" / name).mkdir(parents=True)
        (tree / name).symlink_to(f"usr/{name}")
    for package in packages:
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as reader:
            subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", str(tree)], stdin=reader.stdout, check=True)
        if reader.returncode:
            raise subprocess.CalledProcessError(reader.returncode, reader.args)
