"""One command whose output is kept as test data, and how a part of sysfs is written down."""

from __future__ import annotations

import dataclasses

# A part of sysfs as lines: F path content, L path target. Attributes that cannot be read now have no line.
TREE = """\
find {roots} -maxdepth {depth} \\( -type f -o -type l \\) {names} 2> /dev/null | sort | while read -r path; do
    if [ -L "$path" ]; then printf 'L %s %s\\n' "$path" "$(readlink "$path")"
    else content="$(head -c 400 "$path" 2> /dev/null | tr '\\n\\0' '  ')" && printf 'F %s %s\\n' "$path" "$content"
    fi
done"""


@dataclasses.dataclass(frozen=True)
class Recording:
    """One command whose output is kept."""

    file: str
    command: str
    shown: str = ""

    @property
    def title(self) -> str:
        """What the table shows for the command."""
        return self.shown or self.command


def tree(roots: str, depth: int, *names: str) -> str:
    """The command that prints a part of sysfs."""
    wanted = "" if not names else "\\( " + " -o ".join(f"-name '{name}'" for name in names) + " \\)"
    return TREE.format(roots=roots, depth=depth, names=wanted)
