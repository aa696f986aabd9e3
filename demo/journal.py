"""The report: what was asked and answered, checked and seen, step by step, as JSON."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


class StepFailed(Exception):
    """A step was not what it should be."""


@dataclass(frozen=True)
class Check:
    """One thing that has to be so."""

    what: str
    ok: bool
    saw: object = None


@dataclass(frozen=True)
class Answer:
    """What somebody answered, raw: ``nova``, ``placement``, ``libvirt``, ``nova_accel`` or ``guest``."""

    of: str
    asked: str
    answer: object


@dataclass
class Entry:
    """One step."""

    name: str
    says: str
    seconds: float = 0.0
    outcome: str = "not run"
    error: str = ""
    checks: list[Check] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)


class Journal:
    """Everything that happened, and whether it was what it should be."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.facts: dict[str, object] = {}
        self.entries: list[Entry] = []
        self.error = ""

    @property
    def now(self) -> Entry:
        """The step that runs."""
        return self.entries[-1]

    @property
    def failed(self) -> Entry | None:
        """The step that was not what it should be."""
        return next((one for one in self.entries if one.outcome != "passed"), None)

    @property
    def passed(self) -> bool:
        """Whether there were steps, and all were what they should be."""
        return bool(self.entries) and not (self.failed or self.error)

    def hear(self, of: str, asked: str, answer: object) -> None:
        """Keep a raw answer."""
        self.now.answers.append(Answer(of, asked, answer))

    def check(self, what: str, ok: object, saw: object = None) -> None:
        """Note whether something is as it has to be; the step fails in its end if not."""
        self.now.checks.append(Check(what, bool(ok), saw))

    def end_step(self) -> None:
        """Close the step.

        :raises StepFailed: with everything that was not so
        """
        wrong = [f"not so: {one.what} (seen: {one.saw})" for one in self.now.checks if not one.ok]
        if not self.now.checks:
            wrong = ["nothing was checked"]
        if wrong:
            raise StepFailed("; ".join(wrong))
        self.now.outcome = "passed"

    def report(self) -> dict[str, Any]:
        """The whole of it, fit for JSON."""
        failed = self.failed
        return {
            "outcome": "passed" if self.passed else "failed",
            "failed_step": failed.name if failed else None,
            "error": failed.error if failed else self.error or None,
            "seconds": round(time.monotonic() - self.began, 1),
            **self.facts,
            "steps": [asdict(one) for one in self.entries],
        }

    def write(self, file: Path) -> None:
        """Write the report."""
        file.write_text(json.dumps(self.report(), indent=2, default=str) + "\n")
