"""How a namespace of persistent memory is erased and read back."""

import random

import pytest

from nova_accel.cleaning.eraser import SLICE_BYTES, Proof
from nova_accel.cleaning.pmem import NamespaceEraser
from nova_accel.exception import CleaningFailed, PrivilegedCallError
from nova_accel.model import AttachHandle, HandleId, HandleKind
from tests.fakes.host import FakeHost
from tests.fakes.pmem import FakeNamespace
from tests.unit.erasing import GIB, MIB, SECRETS, WHOLE, Heard


@pytest.fixture
def memory(tmp_path):
    """Make a host with one namespace that a guest had."""

    def begin(verify="whole", **fields):
        namespace = FakeNamespace("namespace0.1", "ns0", **({"content": dict(SECRETS)} | fields))
        host = FakeHost(tmp_path / "host", [], [namespace])
        handle = AttachHandle(
            HandleId("CUSTOM_PMEM_NAMESPACE_6GB", namespace.uuid), HandleKind.NVDIMM, namespace.dev, "1"
        )
        return namespace, host, NamespaceEraser(host, verify, random.Random(1)), handle

    return begin


def test_a_namespace_gets_zeros_a_gib_at_a_time_with_progress(memory):
    size_bytes = 2 * SLICE_BYTES + 2 * MIB
    namespace, host, eraser, handle = memory(size_bytes=size_bytes, content={size_bytes - 1: b"x", 0: b"x"})
    heard = Heard()
    assert eraser.erase_and_verify(handle, heard) == Proof("zeros through dax", WHOLE)
    assert namespace.content == {}
    assert len([call for call in host.calls if call[0] == "zero_namespace"]) == 3
    steps = [0, SLICE_BYTES, 2 * SLICE_BYTES, size_bytes]
    for words in ("erasing (zeros through dax)", "reading"):
        assert [step for step in heard.all if step[0] == words] == [(words, done, size_bytes) for done in steps]
    assert eraser.size_bytes(handle) == size_bytes


def namespace_end():
    return FakeNamespace("namespace0.1", "ns0").size_bytes - 1


@pytest.mark.parametrize("verify", ["whole", "sample"])
def test_a_namespace_that_was_not_zeroed_is_found_out(memory, verify):
    _namespace, _, eraser, handle = memory(verify, erases=False, content={namespace_end(): b"x"})
    with pytest.raises(CleaningFailed, match=r"zeros through dax reported success, but namespace0.1 at byte"):
        eraser.erase_and_verify(handle, Heard())


def test_a_namespace_that_somebody_else_has_erased_is_only_read(memory):
    namespace, host, eraser, handle = memory("sample", content={})
    assert "64 places by chance" in eraser.verify(handle, Heard())
    namespace.content = {0: b"x"}
    with pytest.raises(CleaningFailed, match=r"said to be clean, but namespace0.1 at byte 0"):
        eraser.verify(handle, Heard())
    assert eraser.find_nonzero(handle, Heard()) == "namespace0.1 at byte 0"
    assert not [call for call in host.calls if call[0] == "zero_namespace"]


def test_a_namespace_that_a_guest_has_mapped_is_not_touched(memory):
    namespace, _, eraser, handle = memory(user="qemu (process 7)")
    with pytest.raises(PrivilegedCallError, match=r"qemu .process 7. has /dev/dax0.1 mapped"):
        eraser.erase_and_verify(handle, Heard())
    assert namespace.content == SECRETS


def test_a_namespace_without_time_left_ends_where_it_is(memory):
    _namespace, host, eraser, handle = memory(size_bytes=8 * GIB)
    with pytest.raises(CleaningFailed, match="no time left"):
        eraser.erase_and_verify(handle, Heard(enough=2))
    assert len([call for call in host.calls if call[0] == "zero_namespace"]) == 2
