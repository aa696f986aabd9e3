"""The stable paths of namespaces, over sysfs as it was recorded and a /dev of device nodes that nobody opens."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from nova_accel.facts import links as seen
from nova_accel.facts.roots import Roots
from nova_accel.privsep import links
from nova_accel.privsep.errors import Failed, Refused
from tests.unit import devices, nd_tree

FIRST = "cb10e1ac-f1fe-4afe-8a19-33f7e81f3f74"
SECOND = "f1a9c87f-75c0-43eb-83af-719970c099a6"
THIRD = "a88711f0-d6c1-4369-9a4b-6a55d7539005"


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A sysfs with namespace0.0, 0.1 and 1.0 in devdax mode, and a /dev with their nodes."""
    nd_tree.build(tmp_path / "sys")
    monkeypatch.setattr(links, "_SYS", tmp_path / "sys")
    monkeypatch.setattr(links, "_DEV", tmp_path / "dev")
    (tmp_path / "dev").mkdir()
    for name, minor in (("dax0.0", 0), ("dax0.1", 1), ("dax1.0", 4)):
        devices.node(tmp_path / "dev" / name, 253, minor)
    return tmp_path


def link(dev, uuid):
    return links.link_namespace.__wrapped__(dev, uuid)


def folder(host):
    return host / "dev/nova_accel"


def shown(host):
    """Every path, and where it leads."""
    return {one.name: str(one.readlink()) for one in folder(host).iterdir()}


def exchange(host, one, other):
    """Let two namespaces have each other's number, as after another boot."""
    files = [host / "sys/bus/nd/devices" / f"namespace{number}" / "uuid" for number in (one, other)]
    texts = [file.read_text() for file in files]
    for file, text in zip(files, reversed(texts), strict=True):
        file.write_text(text)


def test_the_path_is_the_uuid_of_the_label_and_leads_to_the_dax_device(host):
    assert link("namespace0.1", SECOND) == f"/dev/nova_accel/{SECOND}" == links.path_of(SECOND)
    assert shown(host) == {SECOND: "../dax0.1"}
    assert (folder(host) / SECOND).stat().st_rdev == os.makedev(253, 1)
    assert seen.read(Roots(dev=host / "dev")) == {SECOND: "dax0.1"}


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])  # oslo.privsep's daemons have none
def test_anybody_may_look_into_the_folder_and_only_root_may_write_whatever_the_umask_is(host, umask):
    before = os.umask(umask)
    try:
        link("namespace0.1", SECOND)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder(host).stat().st_mode) == 0o755


def test_to_ask_again_changes_nothing(host):
    link("namespace0.1", SECOND)
    before = (folder(host) / SECOND).lstat()
    assert link("namespace0.1", SECOND.upper()) == links.path_of(SECOND)
    assert (folder(host) / SECOND).lstat().st_ino == before.st_ino


def test_two_that_exchanged_their_numbers_are_followed(host):
    link("namespace0.0", FIRST)
    link("namespace0.1", SECOND)
    exchange(host, "0.0", "0.1")
    link("namespace0.0", SECOND)
    assert shown(host) == {SECOND: "../dax0.0"}, "the other one leads nowhere until it is asked for"
    link("namespace0.1", FIRST)
    assert shown(host) == {SECOND: "../dax0.0", FIRST: "../dax0.1"}


def test_who_opened_the_device_before_keeps_it_when_its_path_goes(host):
    link("namespace0.1", SECOND)
    (host / "dev/dax0.1").unlink()
    (host / "dev/dax0.1").write_text("the guest's")
    with (folder(host) / SECOND).open() as of_the_guest:
        (host / "dev/dax0.1").unlink()
        devices.node(host / "dev/dax0.1", 253, 1)
        exchange(host, "0.0", "0.1")
        link("namespace1.0", THIRD)
        assert SECOND not in shown(host)
        assert of_the_guest.read() == "the guest's"


def test_a_path_to_what_is_another_namespace_now_goes_even_if_the_one_asked_for_is_refused(host):
    link("namespace0.1", SECOND)
    (host / "sys/bus/nd/devices/namespace0.1/uuid").write_text(THIRD + "\n")
    with pytest.raises(Refused, match=r"namespace0.1 is the namespace with uuid"):
        link("namespace0.1", SECOND)
    assert shown(host) == {}


def test_a_path_to_what_is_disabled_goes(host):
    link("namespace0.1", SECOND)
    nd_tree.disable(host / "sys", "0.1")
    link("namespace0.0", FIRST)
    assert shown(host) == {FIRST: "../dax0.0"}


def test_what_somebody_put_there_leads_nowhere_else_afterwards(host):
    folder(host).mkdir()
    for name, target in ((SECOND, "/etc/passwd"), (FIRST, "../dax0.1"), (".new", "../dax0.0"), ("word", "../dax0.0")):
        (folder(host) / name).symlink_to(target)
    link("namespace0.1", SECOND)
    assert shown(host) == {SECOND: "../dax0.1"}


def test_a_file_in_the_place_of_the_path_is_replaced_and_a_folder_is_a_failure(host):
    folder(host).mkdir()
    (folder(host) / SECOND).write_text("x")
    link("namespace0.1", SECOND)
    assert shown(host) == {SECOND: "../dax0.1"}
    (folder(host) / FIRST).mkdir()
    with pytest.raises(Failed, match=r"the stable path of namespace0.0 cannot be made: Is a directory"):
        link("namespace0.0", FIRST)


def test_a_folder_that_is_a_link_or_a_file_is_refused(host):
    (host / "elsewhere").mkdir()
    folder(host).symlink_to(host / "elsewhere")
    with pytest.raises(Refused, match=r"/dev/nova_accel is no folder that can be used: Not a directory"):
        link("namespace0.1", SECOND)
    assert list((host / "elsewhere").iterdir()) == []
    folder(host).unlink()
    folder(host).write_text("")
    with pytest.raises(Refused, match=r"/dev/nova_accel is no folder that can be used: Not a directory"):
        link("namespace0.1", SECOND)


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_folder_in_which_others_may_write_is_refused(host, mode):
    folder(host).mkdir()
    folder(host).chmod(mode)
    with pytest.raises(Refused, match=r"/dev/nova_accel may be written by others than root; remove it"):
        link("namespace0.1", SECOND)


def test_a_folder_of_another_user_is_refused(host):
    folder(host).mkdir()
    os.chown(folder(host), 65534, 0)
    with pytest.raises(Refused, match=r"/dev/nova_accel may be written by others than root"):
        link("namespace0.1", SECOND)
    assert shown(host) == {}


@pytest.mark.parametrize("dev", ["", "namespace0.1/../namespace0.0", "dax0.1", None])
def test_nothing_is_linked_under_a_name_that_is_no_namespace(host, dev):
    with pytest.raises(Refused, match=r"is not a namespace such as namespace0.1"):
        link(dev, SECOND)
    assert shown(host) == {}


@pytest.mark.parametrize("uuid", ["../../etc/cron.d/x", "..", "a/b", ".new"])
def test_a_label_that_is_no_uuid_is_no_path_not_even_if_the_kernel_said_so(host, uuid):
    (host / "sys/bus/nd/devices/namespace0.1/uuid").write_text(uuid + "\n")
    with pytest.raises(Refused, match=r"namespace0.1 is no uuid"):
        link("namespace0.1", uuid)
    assert shown(host) == {}


@pytest.mark.parametrize("dev", ["namespace0.3", "namespace0.2", "namespace0.4", "namespace9.9"])
def test_only_a_namespace_in_devdax_mode_has_a_path(host, dev):
    file = host / "sys/bus/nd/devices" / dev / "uuid"
    with pytest.raises(Refused, match=r"not devdax|there is no"):
        link(dev, file.read_text().strip() if file.exists() else FIRST)
    assert shown(host) == {}


def test_a_node_of_another_device_has_no_path(host):
    (host / "dev/dax0.1").unlink()
    devices.node(host / "dev/dax0.1", 1, 3)
    with pytest.raises(Refused, match=r"/dev/dax0.1 is not the dax device of namespace0.1"):
        link("namespace0.1", SECOND)
    (host / "dev/dax0.1").unlink()
    with pytest.raises(Failed, match=r"the stable path of namespace0.1 cannot be made: No such file"):
        link("namespace0.1", SECOND)
    assert shown(host) == {}


def test_one_that_becomes_another_while_its_path_is_made_has_none(host, monkeypatch):
    def renamed_meanwhile(*arguments, **folders):
        rename(*arguments, **folders)
        (host / "sys/bus/nd/devices/namespace0.1/uuid").write_text(THIRD + "\n")

    rename = os.rename
    monkeypatch.setattr(os, "rename", renamed_meanwhile)
    with pytest.raises(Failed, match=r"namespace0.1 was disabled or made again meanwhile"):
        link("namespace0.1", SECOND)
    assert shown(host) == {}


def test_many_at_once_end_with_every_path_right(host):
    wanted = [("namespace0.0", FIRST), ("namespace0.1", SECOND), ("namespace1.0", THIRD)]
    with ThreadPoolExecutor(6) as pool:
        for one in [pool.submit(link, *arguments) for arguments in wanted * 20]:
            one.result()
    assert shown(host) == {FIRST: "../dax0.0", SECOND: "../dax0.1", THIRD: "../dax1.0"}


def test_where_there_is_no_folder_no_path_leads_anywhere(tmp_path):
    roots = Roots(dev=tmp_path)
    assert seen.read(roots) == {}
    assert seen.led_to(roots, SECOND) is None


@pytest.mark.parametrize("target", ["/dev/dax0.1", "../../dax0.1", "../sda", "../dax0.1/x"])
def test_a_path_that_root_did_not_make_leads_nowhere(tmp_path, target):
    (tmp_path / "nova_accel").mkdir()
    (tmp_path / "nova_accel" / SECOND).symlink_to(target)
    assert seen.read(Roots(dev=tmp_path)) == {}
