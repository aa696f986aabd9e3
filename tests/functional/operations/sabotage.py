"""What must not go unnoticed: a cleaner that does nothing, a claim that ignores use."""

import contextlib
from collections.abc import Iterator, Sequence
from unittest import mock

from nova_accel.cleaning.eraser import Progress, Proof
from nova_accel.cleaning.pmem import NamespaceEraser
from nova_accel.cleaning.ssd import SsdEraser
from nova_accel.ledger.store import Ledger
from nova_accel.model import AttachHandle, HandleId


def _ssd_left_as_it_is(eraser: SsdEraser, handle: AttachHandle, progress: Progress) -> Proof:
    eraser._host.bring_back(handle.address)
    eraser._host.settle(handle.address)
    return Proof("nothing", "nothing")


def _namespace_left_as_it_is(eraser: NamespaceEraser, handle: AttachHandle, progress: Progress) -> Proof:
    return Proof("nothing", "nothing")


@contextlib.contextmanager
def _idle_cleaner() -> Iterator[None]:
    with (
        mock.patch.object(SsdEraser, "erase_and_verify", _ssd_left_as_it_is),
        mock.patch.object(NamespaceEraser, "erase_and_verify", _namespace_left_as_it_is),
    ):
        yield


@contextlib.contextmanager
def _careless_claim() -> Iterator[None]:
    claim = Ledger.claim

    def claim_whatever_it_is(ledger: Ledger, handles: Sequence[HandleId], server: str) -> tuple[HandleId, ...]:
        with ledger._file.transaction() as connection:
            connection.executemany(
                "UPDATE handle SET state = 'available', server = NULL, released = NULL, drained = NULL"
                " WHERE identity = ? AND NOT (state = 'assigned' AND server = ?)",
                [(handle.identity, server) for handle in handles],
            )
        return claim(ledger, handles, server)

    with mock.patch.object(Ledger, "claim", claim_whatever_it_is):
        yield


KINDS = {"cleaner": _idle_cleaner, "claim": _careless_claim}


def applied(kind: str | None) -> contextlib.AbstractContextManager[None]:
    """Do it as long as the context lasts; None is none."""
    return KINDS[kind]() if kind else contextlib.nullcontext()
