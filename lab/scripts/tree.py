"""A part of sysfs as lines: ``F path content``, ``L path target``.   tree.py DEPTH NAMES ROOT...

NAMES are shell patterns with commas between, ``*`` for every name. Attributes that cannot be read now have no line. Not a shell
script, because one that starts three processes for each of a thousand attributes takes minutes in an emulated host.
"""

from __future__ import annotations

import fnmatch
import os
import pathlib
import sys
from collections.abc import Iterator

LONGEST = 400


def lines(folder: str, depth: int, names: list[str]) -> Iterator[str]:
    """Lines for the files and links below a folder; links are not followed."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        wanted = any(fnmatch.fnmatchcase(entry.name, name) for name in names)
        if entry.is_symlink():
            if wanted:
                yield f"L {entry.path} {pathlib.Path(entry.path).readlink()}"
        elif entry.is_dir():
            if depth > 1:
                yield from lines(entry.path, depth - 1, names)
        elif wanted and (text := content(entry.path)) is not None:
            yield f"F {entry.path} {text}"


def content(path: str) -> str | None:
    """The beginning of a file on one line; None when it cannot be read."""
    try:
        with pathlib.Path(path).open("rb", buffering=0) as file:
            text = file.read(LONGEST)
    except OSError:
        return None
    return text.decode(errors="replace").replace("\n", " ").replace("\0", " ")


def main() -> None:
    """Print the lines in the order of their paths."""
    depth, names, *roots = sys.argv[1:]
    found = {line for root in roots for line in lines(root, int(depth), names.split(","))}
    sys.stdout.write("".join(f"{line}\n" for line in sorted(found, key=lambda line: line.split(" ", 2)[1])))


if __name__ == "__main__":
    main()
