"""Asks the SSDs that are about to be offered how they are. They are idle, so asking at every look disturbs nobody."""

from collections.abc import Sequence

from nova_accel.discovery.candidate import Candidate, Snapshot
from nova_accel.eligibility.evidence import SsdEvidence
from nova_accel.exception import ParseError, PrivilegedCallError
from nova_accel.host import Host
from nova_accel.parsers import nvme_health
from nova_accel.parsers.nvme_health import SsdHealth


def ask(host: Host, asked: Sequence[Candidate], before: Snapshot) -> tuple[dict[str, SsdHealth], tuple[str, ...]]:
    """Ask some SSDs about their health.

    :param before: what the look before found: what an SSD said then counts where it says nothing now
    :returns: what they said, by address; and a warning for each that said nothing, which is no reason to withhold it
    """
    known = _known(asked, before)
    try:
        printed = host.smart_logs(sorted(one.address for one in asked)) if asked else {}
    except PrivilegedCallError as error:
        return known, (f"the SSDs could not be asked how they are, so what they said last counts: {error}",)
    said: dict[str, SsdHealth] = {}
    warnings = []
    for one in asked:
        try:
            if one.address in printed:
                said[one.address] = nvme_health.parse(printed[one.address])
            else:
                warnings.append(f"{_silent(one)}; nvme smart-log says more")
        except ParseError as error:
            warnings.append(f"{_silent(one)}: {error}")
    return known | said, tuple(warnings)


def _known(asked: Sequence[Candidate], before: Snapshot) -> dict[str, SsdHealth]:
    """What the same SSDs in the same places said last."""
    places = {(one.address, one.incarnation, one.identity) for one in asked}
    return {
        one.address: one.evidence.health
        for one in before.candidates
        if (one.address, one.incarnation, one.identity) in places
        and isinstance(one.evidence, SsdEvidence)
        and one.evidence.health is not None
    }


def _silent(candidate: Candidate) -> str:
    return f"the SSD at {candidate.address} did not say how it is, so what it said last counts"
