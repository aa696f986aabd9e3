"""What an auditor looks for in the record of cleaning: nothing that a guest had is offered again without a line that says it is clean."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.faults.findings import Rule
from tests.faults.world import World

_LINES = "record-lines"
"""Notes of how long the record was when a guest last began with a device."""
_SAYS = {"resource_class", "identity", "method", "began", "ended", "verified", "result", "server"}


def guest_began(world: World, host: str, identity: str) -> None:
    """Note from which line on the record has to say that a device was cleaned."""
    world.note(_LINES, f"{identity} {len(_lines(world, host))}")


def look(world: World, host: str, offered: Iterable[str]) -> None:
    """Hold a host's record against what its ledger offers."""
    began = {identity: int(line) for identity, _, line in (note.partition(" ") for note in world.notes(_LINES))}
    for sentence in wrong(_lines(world, host), began, offered):
        world.findings.add(Rule.UNRECORDED, sentence)


def wrong(lines: Sequence[str], began: Mapping[str, int], offered: Iterable[str]) -> Iterator[str]:
    """What is wrong with a record, in sentences.

    :param began: how many lines it had when a guest last began with a device, by identity
    :param offered: identities that the ledger calls available
    """
    says = [_parsed(line) for line in lines]
    for number, (line, words) in enumerate(zip(lines, says, strict=True), 1):
        if not words.keys() >= _SAYS:
            yield f"line {number} of the cleaning record is {line!r}"
    for identity in offered:
        since = says[began[identity] :] if identity in began else None
        if since is not None and not any(one.get("identity") == identity and _is_good(one) for one in since):
            yield f"{identity} is offered, and no line of the cleaning record says that it is clean since a guest had it"


def _is_good(words: Mapping[str, object]) -> bool:
    return words.get("result") == "clean" and bool(words.get("method")) and bool(words.get("verified"))


def _parsed(line: str) -> dict[str, object]:
    """Nothing where it is no object in JSON, or its end is missing."""
    try:
        words = json.loads(line) if line.endswith("\n") else None
    except ValueError:
        return {}
    return words if isinstance(words, dict) else {}


def _lines(world: World, host: str) -> list[str]:
    file = world.cleaning_record(host)
    return file.read_text().splitlines(keepends=True) if file.exists() else []
