"""Laws of the plan: whatever the ledger, the host and Nova say, nothing unclean is offered and nothing is counted twice."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nova_accel.discovery.candidate import Candidate, Snapshot
from nova_accel.drivers.base import SeenFunction
from nova_accel.drivers.nvme import describe
from nova_accel.eligibility.evidence import SsdEvidence
from nova_accel.eligibility.judge import judge
from nova_accel.facts.pci import PciFacts
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.model import PciAddress, PciRecord
from nova_accel.provider_tree.plan import plan
from tests.unit.conftest import ssd_handle


def candidate(number: int, eligible: bool) -> Candidate:
    address = PciAddress(0, number + 1, 0, 0)
    function = SeenFunction(PciRecord(address, 0x0108, 2, 0x1B36, 0x0010), "boot:1", None, f"SN{number}")
    facts = PciFacts(address, "boot:1", "nvme", "1" if eligible else None, (), None)
    evidence = SsdEvidence(pci=facts, driver="nvme_ssd_driver", serial=function.serial, namespaces=("nvme0n1",))
    (part,) = describe("nvme_ssd_driver", function).deployables
    return Candidate(
        what="NVMe SSD",
        address=str(address),
        incarnation="boot:1",
        identity=function.serial,
        unique=True,
        evidence=evidence,
        verdict=judge(evidence),
        deployable=part,
        handle=part.handles[0],
    )


HANDLES = st.lists(
    st.tuples(
        st.sampled_from(State), st.sampled_from(["gone", "refused", "eligible"]), st.booleans(), st.integers(0, 2)
    ),
    max_size=12,
)


def world(handles):
    entries, candidates, claimed = {}, [], set()
    for number, (state, presence, is_claimed, pool) in enumerate(handles):
        handle = ssd_handle(f"SN{number}")
        # Some share a provider, as namespaces of one region will.
        provider = f"pool_{pool}" if pool else f"ssd_SN{number}"
        entries[handle] = Entry(handle, provider, state, None, None, "", "")
        if presence != "gone":
            candidates.append(candidate(number, presence == "eligible"))
        if is_claimed:
            claimed.add(handle)
    return entries, Snapshot(tuple(candidates)), claimed


def parts(plans):
    return [part for provider in plans for part in provider.classes.values()]


@given(HANDLES)
def test_only_clean_present_eligible_handles_are_offered_beside_those_given_out(handles):
    entries, snapshot, claimed = world(handles)
    shown = {handle for part in parts(plan("node", snapshot, entries, claimed)) for handle in part.resources}
    free = {
        ssd_handle(f"SN{number}")
        for number, (state, presence, _, _) in enumerate(handles)
        if state is State.AVAILABLE and presence == "eligible"
    }
    assert shown == free | claimed


@given(HANDLES)
def test_every_handle_is_in_one_provider_and_reserved_is_what_is_left(handles):
    entries, snapshot, claimed = world(handles)
    plans = plan("node", snapshot, entries, claimed)
    here = {
        ssd_handle(f"SN{number}")
        for number, (state, presence, _, _) in enumerate(handles)
        if presence != "gone" or state is State.ASSIGNED
    }
    assert sum(part.total for part in parts(plans)) == len(here | claimed)
    assert all(part.reserved == part.total - len(part.resources) for part in parts(plans))
    assert len({provider.name for provider in plans}) == len({provider.uuid for provider in plans}) == len(plans)


@given(HANDLES, st.randoms())
def test_the_order_in_which_things_are_found_does_not_matter(handles, order: random.Random):
    entries, snapshot, claimed = world(handles)
    shuffled = list(entries.items())
    order.shuffle(shuffled)
    candidates = list(snapshot.candidates)
    order.shuffle(candidates)
    assert plan("node", Snapshot(tuple(candidates)), dict(shuffled), claimed) == plan(
        "node", snapshot, entries, claimed
    )


@given(HANDLES)
def test_before_nova_knows_what_it_gave_out_the_ledger_says_it(handles):
    entries, snapshot, _ = world(handles)
    assigned = {handle for handle, entry in entries.items() if entry.state is State.ASSIGNED}
    assert plan("node", snapshot, entries, None) == plan("node", snapshot, entries, assigned)


@given(HANDLES)
def test_a_drained_handle_is_not_offered_and_a_server_keeps_its(handles):
    entries, snapshot, claimed = world(handles)
    drained = {handle: replace(entry, drained="operator") for handle, entry in entries.items()}
    shown = {handle for part in parts(plan("node", snapshot, drained, claimed)) for handle in part.resources}
    assert shown == claimed
