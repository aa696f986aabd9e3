"""``status check``: whether nova-compute's user reaches root's side, and no more than that."""

import re
from collections.abc import Callable

import pytest

from nova_accel.exception import PrivilegedCallError
from nova_accel.privsep.errors import Failed
from tests.unit.commands.broken import FAILURE, WARNING, Broken
from tests.unit.commands.checked_host import SHIPPED, CheckedHost


def unreachable(call: str) -> Callable[[CheckedHost], object]:
    error = PrivilegedCallError(call, "the privsep daemon cannot be used (it did not start)")
    return lambda host: host.host.unreachable.update({call: error})


def sudo_refuses(host: CheckedHost) -> None:
    host.printed["sudo -l"] = "sudo -n -l ended with status 1: sudo: a password is required"


def sudo_refuses_rootwrap(host: CheckedHost) -> None:
    host.use_rootwrap()
    sudo_refuses(host)


def rootwrap_without_filters(host: CheckedHost) -> None:
    (host.use_rootwrap() / "nova_accel.filters").unlink()


def rootwrap_gone(host: CheckedHost) -> None:
    folder = host.use_rootwrap()
    (folder.parent / "rootwrap.conf").unlink()


def rootwrap_garbled(host: CheckedHost) -> None:
    folder = host.use_rootwrap()
    (folder.parent / "rootwrap.conf").write_text("filters_path = /etc\n")


BROKEN = (
    Broken(
        "user",
        "another one",
        lambda host: setattr(host, "user_id", host.user_id + 1),
        WARNING,
        "but the ledger is of user",
        "Run it as nova-compute's user",
    ),
    Broken(
        "sudo or rootwrap",
        "sudo refuses",
        sudo_refuses,
        FAILURE,
        "sudo does not let this user run /opt/nova/bin/privsep-helper --config-file /etc/nova/nova.conf for nova_accel.privsep.",
        "copy it to /etc/sudoers.d/nova_accel with mode 0440; it needs sudo 1.9.10 or newer, and this is 1.9.13p3.",
    ),
    Broken(
        "sudo or rootwrap",
        "sudo refuses rootwrap",
        sudo_refuses_rootwrap,
        FAILURE,
        "sudo does not let this user run nova-rootwrap",
        "Let this user run nova-rootwrap as root without a password",
    ),
    Broken(
        "sudo or rootwrap",
        "no filter",
        rootwrap_without_filters,
        WARNING,
        "no filter of nova-rootwrap names nova_accel.privsep.",
        "Copy rootwrap.filters to /etc/nova/rootwrap.d/nova_accel.filters",
    ),
    Broken(
        "sudo or rootwrap", "no rootwrap", rootwrap_gone, FAILURE, "rootwrap.conf is not there", "or set helper_command"
    ),
    Broken("sudo or rootwrap", "garbled", rootwrap_garbled, FAILURE, "rootwrap.conf cannot be read", "Correct it."),
    Broken(
        "privsep, reading",
        "no daemon",
        unreachable("lspci"),
        FAILURE,
        "lspci: the privsep daemon cannot be used",
        "correct helper_command in [nova_accel_reading] or the sudoers or rootwrap file",
    ),
    Broken(
        "privsep, acting",
        "no daemon",
        unreachable("who_uses"),
        FAILURE,
        "who_uses: the privsep daemon cannot be used",
        "correct helper_command in [nova_accel_acting] or the sudoers or rootwrap file",
    ),
)


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_what_is_broken_is_found_alone_with_what_to_do(is_found_alone, broken: Broken):
    is_found_alone(broken)


def test_a_tool_that_fails_on_roots_side_shows_that_root_is_reached(run, host: CheckedHost):
    error = PrivilegedCallError("lspci", "lspci cannot be started: No such file or directory")
    error.__cause__ = Failed("lspci cannot be started: No such file or directory")
    host.host.unreachable["lspci"] = error
    checked = run("status", "check", "-f", "json", facts=host.facts)
    [row] = [row for row in checked.json if row["check"] == "privsep, reading"]
    assert row["found"] == "the privsep daemon answers: lspci cannot be started: No such file or directory"
    assert checked.status == 0


def test_what_an_operator_reads_calls_the_privsep_daemon_by_its_name(run, host: CheckedHost):
    checked = run("status", "check", facts=host.facts)
    assert "the privsep daemon listed the PCI devices" in checked.out
    assert "the privsep daemon looked for users of a device" in checked.out


def test_a_daemon_that_sudo_would_ask_a_password_for_is_not_started(run, host: CheckedHost):
    sudo_refuses(host)
    checked = run("status", "check", "-f", "json", facts=host.facts)
    found = {row["check"]: row["found"] for row in checked.json}
    assert found["privsep, reading"] == found["privsep, acting"] == "not tried: sudo would ask for a password"
    assert host.host.calls == []


def test_what_sudo_is_asked_for_is_what_our_snippet_allows(run, host: CheckedHost):
    run("status", "check", facts=host.facts)
    allowed = re.search(r"privsep-helper (\^.*\$)$", (SHIPPED / "sudoers").read_text(), re.MULTILINE)[1]
    for context in ("reading", "acting"):
        [asked] = {words for words in host.asked_sudo if f"nova_accel.privsep.{context}_pctxt" in words}
        assert asked[:4] == ("sudo", "-n", "-l", "/opt/nova/bin/privsep-helper")
        assert re.fullmatch(allowed, " ".join(asked[4:]))


def test_rootwrap_with_our_filters_is_as_good_as_sudo(run, host: CheckedHost):
    host.use_rootwrap()
    assert run("status", "check", facts=host.facts).status == 0


def test_a_helper_that_is_neither_is_left_to_the_checks_of_privsep(run, host: CheckedHost):
    host.configure("helper_command = sudo ", "helper_command = ")
    assert run("status", "check", facts=host.facts).status == 0
