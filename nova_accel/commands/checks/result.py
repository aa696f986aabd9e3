"""What a check says."""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from nova_accel.commands.checks.facts import Facts
from nova_accel.exception import AccelError


class Level(enum.IntEnum):
    """How bad it is; the worst one is the exit status, as of ``nova-status upgrade check``."""

    NOT_POSSIBLE = -1
    """It was not looked at; how bad that is, says what is in its way."""
    OK = 0
    WARNING = 1
    FAILURE = 2


@dataclass(frozen=True)
class Result:
    """What was found, and what to do about it."""

    level: Level
    found: str
    advice: str = ""


def not_possible(why: str) -> Result:
    """Nothing was found out."""
    return Result(Level.NOT_POSSIBLE, why)


def ok(found: str) -> Result:
    """Nothing has to be done."""
    return Result(Level.OK, found)


def warning(found: str, advice: str) -> Result:
    """Something works less well, or less safely, than it could."""
    return Result(Level.WARNING, found, advice)


def failure(found: str, advice: str) -> Result:
    """Something does not work."""
    return Result(Level.FAILURE, found, advice)


@dataclass(frozen=True)
class Check:
    """One thing that has to be right."""

    name: str
    looks_at: str
    """Where its facts come from, for people."""
    judge: Callable[[Facts], Result]

    def run(self, facts: Facts) -> Result:
        """Look; what cannot be looked at is a failure too."""
        try:
            return self.judge(facts)
        except (AccelError, OSError) as error:
            return failure(f"could not be looked at: {error}", f"Make it possible to look at {self.looks_at}.")
