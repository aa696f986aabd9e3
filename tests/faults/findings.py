"""What must never be seen, and where it is written down when it is."""

import enum
from dataclasses import dataclass, field
from pathlib import Path


class Rule(enum.Enum):
    """The rules that are counted; the values head the columns of the table."""

    LEAK = "leaks"
    """A handle with bytes on it is offered, or was given to another server than the one whose bytes they are."""
    DOUBLE = "double assignments"
    """A handle is in two guests."""
    LOST = "lost for good"
    """Neither time nor an operator's word makes it available again once its server is gone, or gives it back to a server that is not."""
    ERASED = "erased unreleased"
    """A handle was erased that no server had released, or that a guest was using."""
    UNRECORDED = "offered unrecorded"
    """A handle that a guest had is offered, and the record of cleaning does not say that it is clean; or nobody can read the record."""


@dataclass
class Findings:
    """Written to a file at once: who finds something may be killed the next moment."""

    file: Path
    seen: set[str] = field(default_factory=set)

    def add(self, rule: Rule, sentence: str) -> None:
        """Note something once."""
        line = f"{rule.name} {sentence}"
        if line not in self.seen:
            self.seen.add(line)
            with self.file.open("a") as file:
                file.write(line + "\n")

    def all(self) -> list[tuple[Rule, str]]:
        """Everything that any process has noted."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [(Rule[name], sentence) for name, _, sentence in (line.partition(" ") for line in dict.fromkeys(lines))]
