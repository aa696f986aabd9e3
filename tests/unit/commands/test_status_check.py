"""``status check`` as a whole: what holds for every check."""

import pytest

from nova_accel.commands.checks.all_checks import CHECKS
from nova_accel.commands.checks.result import Check, Level
from tests.unit.commands import (
    test_check_cleaning,
    test_check_initramfs,
    test_check_kernel_and_tools,
    test_check_ledger,
    test_check_options,
    test_check_root_side,
    test_check_tenants_data,
)
from tests.unit.commands.broken import FAILURE
from tests.unit.commands.checked_host import CheckedHost
from tests.unit.commands.conftest import as_nobody

TOPICS = (
    test_check_options,
    test_check_kernel_and_tools,
    test_check_root_side,
    test_check_tenants_data,
    test_check_initramfs,
    test_check_ledger,
    test_check_cleaning,
)


def test_a_host_on_which_all_is_well_passes(run, host: CheckedHost):
    checked = run("status", "check", "-f", "json", facts=host.facts)
    assert [row for row in checked.json if row["result"] != "ok"] == []
    assert checked.status == 0
    assert [row["check"] for row in checked.json] == [check.name for check in CHECKS]


def test_every_check_has_a_host_that_fails_only_it():
    assert {broken.check for topic in TOPICS for broken in topic.BROKEN} == {check.name for check in CHECKS}


def test_the_worst_result_is_the_exit_status(run, host: CheckedHost):
    host.devices_file.unlink()
    host.rules.unlink()
    assert run("status", "check", facts=host.facts).status == FAILURE


def test_the_table_shows_each_check_and_what_to_do(run, host: CheckedHost):
    host.rules.unlink()
    table = run("status", "check", facts=host.facts).out
    assert all(check.name in table for check in CHECKS)
    assert "udevadm control --reload" in table


def test_what_cannot_be_looked_at_is_a_failure(run, host: CheckedHost):
    host.rules.unlink()
    host.rules.mkdir()
    checked = run("status", "check", "-f", "json", facts=host.facts)
    [row] = [row for row in checked.json if row["result"] != "ok"]
    assert "could not be looked at" in row["found"]
    assert row["what to do"] == "Make it possible to look at /etc/udev/rules.d and where packages put rules."
    assert checked.status == FAILURE


def test_what_the_system_refuses_costs_its_check_only(host: CheckedHost):
    def refuse(facts):
        raise PermissionError(13, "Permission denied", "/etc/somewhere")

    result = Check("a check", "/etc/somewhere", refuse).run(host.facts)
    assert result.level is Level.FAILURE
    assert "Permission denied" in result.found


@pytest.mark.parametrize(
    ("section", "line", "found"),
    [
        (
            "nova_accel",
            "cleaning_workers = 0",
            "[nova_accel] cleaning_workers = '0' is not valid: it needs a whole number",
        ),
        ("nova_accel", "clean_verify = half", "[nova_accel] clean_verify = 'half' is not valid: it needs one of whole"),
        ("workarounds", "disable_rootwrap = often", "the configuration cannot be read: Value for option"),
        ("DEFAULT", "no value", "the configuration cannot be read: Failed to parse"),
    ],
)
def test_options_that_cannot_be_read_are_a_failure_and_nothing_else_is_looked_at(run, host, section, line, found):
    with host.nova_conf.open("a") as nova_conf:
        nova_conf.write(f"[{section}]\n{line}\n")
    checked = run("status", "check", "-f", "json", facts=host.facts)
    rows = {row["check"]: row for row in checked.json}
    assert list(rows) == [check.name for check in CHECKS]
    options = rows.pop("options")
    assert options["result"] == "failure"
    assert options["found"].startswith(found)
    assert "nova-compute does not start with it" in options["what to do"]
    words = {(row["result"], row["found"], row["what to do"]) for row in rows.values()}
    assert words == {("not possible", "the options cannot be read", None)}
    assert checked.status == FAILURE


def test_a_nova_conf_that_is_not_there_is_a_failure(run, host: CheckedHost):
    host.nova_conf.unlink()
    checked = run("status", "check", "-f", "json", facts=host.facts)
    [row] = [row for row in checked.json if row["result"] == "failure"]
    assert (row["check"], checked.status) == ("options", FAILURE)
    assert str(host.nova_conf) in row["found"]
    assert row["what to do"].endswith("If it does, run this as its user, or name its files with --config-file.")


def test_a_nova_conf_that_this_user_may_not_read_is_a_failure(run, host: CheckedHost):
    host.nova_conf.chmod(0o000)
    with as_nobody():
        assert run("status", "check", facts=host.facts).status == FAILURE
