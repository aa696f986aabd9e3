"""What the lab's guest says on its console, and what the ledger on its host says, in the story's words."""

from __future__ import annotations

from demo.stage import AVAILABLE, ELIGIBLE, Device, GuestView, Seen
from lab import guest, ledger


def view(console: str, nonce: str) -> GuestView:
    """What a guest has seen since its last start."""
    said = [line for line in console.splitlines() if line.startswith("guest:") and "alive" not in line]
    return GuestView((*_ssds(console, nonce), *_memories(console)), "\n".join(said))


def device(seen: ledger.Sighting, entry: ledger.Handle | None) -> Device:
    """A device from what was seen of it and its entry, where it has one."""
    state = entry.state if entry else None
    server = entry.server if entry and entry.state == "assigned" else None
    why = "" if seen.reason == ELIGIBLE else seen.sentence
    if not why and entry and entry.state != AVAILABLE:
        why = f"{entry.state}: {entry.reason}"
    return Device(seen.address, seen.identity, seen.reason, seen.sentence, state, server, why)


def _ssds(console: str, nonce: str) -> list[Seen]:
    """The guest shows the first 16 bytes as they were before it wrote: the nonce has as many."""
    return [
        Seen(
            kind="SSD",
            identity=found["serial"],
            size_bytes=int(found["bytes"]),
            zero=found["content"] == "zero",
            found=bytes.fromhex(found["first"]).rstrip(b"\0").decode(errors="replace"),
            wrote=guest.wrote(console, nonce),
        )
        for found in guest.SEEN.finditer(console)
    ]


def _memories(console: str) -> list[Seen]:
    return [
        Seen("PMEM", str(number), one.size_bytes, one.zero, one.found, one.wrote)
        for number, one in enumerate(guest.seen_pmem(console))
    ]
