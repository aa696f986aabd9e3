"""``status check``: whether mdadm in the initramfs is kept to the host's own arrays."""

from pathlib import Path

import pytest

from nova_accel.commands.checks import initramfs
from tests.unit.commands.broken import WARNING, Broken
from tests.unit.commands.checked_host import CheckedHost

HOOK = "usr/share/initramfs-tools/hooks/mdadm"
MODULE = "usr/lib/dracut/modules.d/90mdraid/module-setup.sh"


def brought(host: CheckedHost, by: str, configuration: str | None = None) -> Path:
    """A host whose initramfs gets mdadm, with this mdadm.conf."""
    host.installed.add("mdadm")
    configured = host.root / "etc/mdadm/mdadm.conf"
    for path, text in ((host.root / by, ""), (configured, configuration)):
        if text is not None:
            path.parent.mkdir(parents=True)
            path.write_text(text)
    return configured


BROKEN = tuple(
    Broken(
        "MD in the initramfs",
        f"{by.split('/')[2]}, {what}",
        lambda host, by=by, text=text: brought(host, by, text),
        WARNING,
        "may assemble an array that a guest has written",
        "write AUTO -all",
    )
    for by in (HOOK, MODULE)
    for what, text in (("no mdadm.conf", None), ("as installed", "HOMEHOST <system>\nMAILADDR root\n"))
)


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_what_is_broken_is_found_alone_with_what_to_do(is_found_alone, broken: Broken):
    is_found_alone(broken)


@pytest.mark.parametrize("by", [HOOK, MODULE])
def test_a_host_whose_mdadm_assembles_only_what_is_listed_is_right(run, host: CheckedHost, by: str):
    brought(host, by, "ARRAY /dev/md0 UUID=1:2:3:4\nAUTO -all\n")
    assert run("status", "check", facts=host.facts).status == 0


def test_what_a_folder_beside_it_says_counts_too(run, host: CheckedHost):
    configured = brought(host, HOOK, "HOMEHOST <system>\n")
    beside = configured.with_name("mdadm.conf.d") / "ours.conf"
    beside.parent.mkdir()
    beside.write_text("AUTO -all\n")
    assert run("status", "check", facts=host.facts).status == 0


def test_mdadm_that_does_not_come_into_an_initramfs_needs_no_settings(run, host: CheckedHost):
    host.installed.add("mdadm")
    assert run("status", "check", facts=host.facts).status == 0


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("AUTO -all", True),
        ("auto\t-1.x -ALL", True),
        ("AUTO -1.x\n  -all\n", True),
        ("AUTO +1.x -all", False),
        ("AUTO homehost -all", False),
        ("AUTO +all", False),
        ("# AUTO -all", False),
        ("AUTO +1.x # -all", False),
        ("AUTOMATIC -all", False),
        ("", False),
    ],
)
def test_the_first_word_that_fits_an_array_decides(text: str, kept: bool):
    assert initramfs.keeps_to_listed(text) is kept
