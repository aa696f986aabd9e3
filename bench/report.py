"""The figures as a table for people."""

from collections.abc import Sequence

from bench.audit import Audit
from bench.guest_config import GuestConfig
from bench.parsing import Parsing
from bench.rounds import Rounds

Row = tuple[str, str, str]


def table(
    audits: Sequence[Audit], parsings: Sequence[Parsing], cyborg: str, configs: Sequence[GuestConfig], started: Rounds
) -> str:
    """Lay out every figure with what it is compared with."""
    rows: list[Row] = [("", "nova_accel", "beside")]
    for audit in audits:
        rows += _audit(audit)
    rows.append(("lspci's output to described devices, median", "", cyborg))
    rows += [
        (
            f"  {one.records} SSDs",
            _ms(one.ours_ms),
            "" if one.cyborg_ms is None else _beside(one.ours_ms, one.cyborg_ms),
        )
        for one in parsings
    ]
    rows.append(("_get_guest_config, median", "", "LibvirtDriver's own"))
    rows += [
        (
            f"  {one.ssds} SSDs, {one.namespaces} namespaces",
            f"{_ms(one.with_ours_ms)}, adds {_ms(one.with_ours_ms - one.libvirt_driver_ms)}",
            _ms(one.libvirt_driver_ms),
        )
        for one in configs
    ]
    rows += _started(started)
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _started(one: Rounds) -> list[Row]:
    return [
        (f"{one.servers} servers with an SSD each, median", "", "Nova's audit"),
        ("  start of nova-compute, our part of it", _ms(one.start_ms), _beside(one.start_ms, one.audit_ms)),
        ("  a round in the background", _ms(one.round_ms), _beside(one.round_ms, one.audit_ms)),
        ("    of it, asking Nova's database", _ms(one.claims_ms), ""),
        ("    of it, comparing with the ledger", _ms(one.reconcile_ms), ""),
        ("  once after a start, asking Placement", _ms(one.allocations_ms), _beside(one.allocations_ms, one.audit_ms)),
    ]


def _audit(one: Audit) -> list[Row]:
    return [
        (f"{one.ssds} SSDs and {one.namespaces} namespaces, {one.providers} providers, nothing changed", "", ""),
        ("  processes started by update_provider_tree", str(one.processes_started), "0 wanted"),
        (
            "  calls through privsep, to our border to the machine",
            f"{one.privsep_calls}, {one.border_calls}",
            "0 wanted",
        ),
        ("  writes to Placement in a whole audit", str(one.placement_writes), "0 wanted"),
        ("  update_provider_tree, median", _ms(one.with_ours_ms), _beside(one.with_ours_ms, one.libvirt_driver_ms)),
        (
            "  the whole audit, median",
            _ms(one.whole_audit_with_ours_ms),
            _beside(one.whole_audit_with_ours_ms, one.whole_audit_libvirt_driver_ms),
        ),
    ]


def _ms(value: float) -> str:
    return f"{value:.2f} ms"


def _beside(ours_ms: float, theirs_ms: float) -> str:
    return f"{_ms(theirs_ms)}, ratio {ours_ms / theirs_ms:.2f}"
