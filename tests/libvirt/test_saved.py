"""What the real libvirt saves of a guest with persistent memory, and what starting that writes where."""

from dataclasses import replace
from pathlib import Path

import libvirt
from nova.virt.libvirt.guest import Guest

from nova_accel.virt import guest_config, save_image
from nova_accel.xml import domain
from tests.libvirt import guests
from tests.libvirt.guests import MIB, GuestKind
from tests.libvirt.test_starts import Dax, Define, nvdimms, start

SERVER = "c0ffee00-0000-4000-8000-000000000001"
AT, DATA = 20 * MIB, b"a tenant's data"


def write(path: str, data: bytes) -> None:
    with Path(path).open("r+b") as file:
        file.seek(AT)
        file.write(data)


def read(path: str) -> bytes:
    with Path(path).open("rb") as file:
        file.seek(AT)
        return file.read(len(DATA))


def test_a_saved_guests_memory_is_written_to_the_path_of_now_and_to_no_other(define: Define, dax: Dax) -> None:
    guest, (memory,) = guests.guest(GuestKind()), nvdimms(dax, 64 * MIB)
    guest_config.add_nvdimms(guest, [memory])
    running = start(define(guest.to_xml()))
    write(memory.path, DATA)
    running.managedSave(0)
    moved = replace(memory, path=dax(1, 64 * MIB))
    write(memory.path, bytes(len(DATA)))
    saved = save_image.corrected(Guest(running), SERVER, [moved])
    assert saved is not None
    assert domain.nvdimm_paths(saved) == {moved.path: moved.alias}
    running.create()
    assert read(moved.path) == DATA, "the image holds the memory's content, and starting writes it back"
    assert read(memory.path) == bytes(len(DATA))
    assert domain.nvdimm_paths(running.XMLDesc()) == {moved.path: moved.alias}
    assert save_image.corrected(Guest(running), SERVER, [moved]) is None, "nothing is saved any more"


def test_an_image_that_is_right_is_left_as_it_is(define: Define, dax: Dax) -> None:
    guest, (memory,) = guests.guest(GuestKind()), nvdimms(dax, 64 * MIB)
    guest_config.add_nvdimms(guest, [memory])
    running = start(define(guest.to_xml()))
    running.managedSave(0)
    before = running.managedSaveGetXMLDesc(libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
    assert save_image.corrected(Guest(running), SERVER, [memory]) == before
    running.managedSaveRemove(0)


def test_what_saving_takes_at_most_is_what_libvirt_says_that_the_guest_has(define: Define, dax: Dax) -> None:
    guest, (memory,) = guests.guest(GuestKind()), nvdimms(dax, 64 * MIB)
    guest_config.add_nvdimms(guest, [memory])
    running = start(define(guest.to_xml()))
    assert domain.memory_bytes(running.XMLDesc()) == guests.MEMORY_MIB * MIB + memory.size_kib * 1024
