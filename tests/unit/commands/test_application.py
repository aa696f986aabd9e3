"""What holds for every command: which nova.conf, which ledger, and how it refuses."""

import contextlib
import io
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from oslo_config import cfg
from oslo_privsep import daemon

from nova_accel.commands import configuration, existing, main
from nova_accel.commands.app import COMMANDS, NovaAccel
from nova_accel.commands.configuration import UnreadableConfiguration
from nova_accel.exception import LedgerError
from nova_accel.ledger import schema
from nova_accel.ledger.store import Ledger
from tests.unit.commands.conftest import NOBODY, as_nobody

READING = ("device list", "device show X")
ACTING = ("device clean X", "device drain X", "device undrain X")


@pytest.mark.parametrize("command", [*READING, *ACTING])
def test_without_a_ledger_a_command_refuses_and_makes_none(run, ledger_path, command):
    done = run(*command.split())
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"the ledger {ledger_path} cannot be used: there is none; nova-compute makes it")
    assert done.err.count("\n") == 1
    assert not ledger_path.parent.exists()


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (schema.VERSION - 1, "of an older nova_accel; restart nova-compute to bring it up to date"),
        (schema.VERSION + 1, f"this nova-accel knows {schema.VERSION}; use the one of nova-compute's virtualenv"),
    ],
)
def test_a_ledger_of_another_version_is_refused_and_left_as_it_is(run, ledger, ledger_path, version, words):
    with sqlite3.connect(ledger_path) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    done = run("device", "list")
    assert done.status == 1
    assert done.err.strip().endswith(words)
    with sqlite3.connect(ledger_path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be taken for one" * 20])
def test_a_file_that_is_no_ledger_is_refused_and_left_as_it_is(run, ledger_path, content):
    ledger_path.parent.mkdir()
    ledger_path.write_bytes(content)
    assert run("device", "list").status == 1
    assert ledger_path.read_bytes() == content


@contextlib.contextmanager
def as_another_user(folder_mode: int, file_mode: int) -> Iterator[str]:
    """A ledger whose owner we are not, for as long as the block lasts; one who is not root anyway only loses the modes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "ledger.sqlite"
        Ledger(str(path))
        path.chmod(file_mode)
        folder.chmod(folder_mode)
        try:
            with as_nobody():
                yield str(path)
        finally:
            folder.chmod(0o700)


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "words"),
    [
        (0o755, 0o444, r"you may not write to it; run this as nova-compute's user, \S+$"),
        (0o555, 0o666, r"you may not write to it; run this as nova-compute's user, \S+$"),
        (0o000, 0o666, "Permission denied; run this as nova-compute's user$"),
    ],
)
def test_a_user_who_may_not_write_is_told_who_may(folder_mode, file_mode, words):
    with as_another_user(folder_mode, file_mode) as path, pytest.raises(LedgerError, match=words):
        existing.open_ledger(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be the one whose command must leave a file to its owner")
def test_what_root_opens_stays_its_owners(run, ledger, ledger_path):
    for file in (ledger_path.parent, *ledger_path.parent.iterdir()):
        os.chown(file, NOBODY, NOBODY)
    # While somebody has it open, its two other files stay.
    with contextlib.closing(sqlite3.connect(ledger_path)) as connection:
        connection.execute("SELECT * FROM handle").fetchone()
        assert run("device", "drain", "S4EVFREE").status == 0
        assert {(file.name, file.stat().st_uid) for file in ledger_path.parent.iterdir()} == {
            (f"ledger.sqlite{end}", NOBODY) for end in ("", "-wal", "-shm", ".claims")
        }


def test_state_path_is_followed(tmp_path):
    path = tmp_path / "nova.conf"
    path.write_text("[DEFAULT]\nstate_path = /var/lib/nova\n")
    read = configuration.read(cfg.ConfigOpts(), [str(path)])
    assert read.settings.ledger_path == "/var/lib/nova/nova_accel/ledger.sqlite"


def test_state_path_is_by_default_where_nova_has_it(tmp_path):
    from nova.conf import paths

    path = tmp_path / "nova.conf"
    path.touch()
    [pybasedir] = [option for option in paths.ALL_OPTS if option.name == "pybasedir"]
    read = configuration.read(cfg.ConfigOpts(), [str(path)])
    assert read.settings.ledger_path == f"{pybasedir.default}/nova_accel/ledger.sqlite"


def test_the_options_of_nova_may_be_there_already(nova_conf):
    from nova.conf import compute, libvirt, paths, pci, workarounds

    conf = cfg.ConfigOpts()
    for part in (compute, libvirt, paths, pci, workarounds):
        part.register_opts(conf)
    assert configuration.read(conf, [str(nova_conf)]).compute_driver == "accel.AccelLibvirtDriver"


def test_a_folder_of_files_counts_too(nova_conf, tmp_path):
    folder = tmp_path / "nova.conf.d"
    folder.mkdir()
    (folder / "accel.conf").write_text("[nova_accel]\ndiscovery_interval = 7\n")
    read = configuration.read(cfg.ConfigOpts(), [str(nova_conf)], [str(folder)])
    assert read.settings.discovery_interval_s == 7
    assert "discovery_interval" in read.written


def test_without_a_helper_command_rootwrap_is_called_as_nova_does(nova_conf):
    read = configuration.read(cfg.ConfigOpts(), [str(nova_conf)])
    helper = ("sudo", "nova-rootwrap", "/etc/nova/rootwrap.conf", "privsep-helper", "--config-file", str(nova_conf))
    assert set(read.helper_commands.values()) == {helper}


def test_with_rootwrap_switched_off_sudo_is_called(nova_conf):
    nova_conf.write_text(f"{nova_conf.read_text()}[workarounds]\ndisable_rootwrap = true\n")
    assert configuration.read(cfg.ConfigOpts(), [str(nova_conf)]).root_helper == ("sudo",)


def test_another_connection_uri_is_followed(nova_conf):
    nova_conf.write_text(f"{nova_conf.read_text()}[libvirt]\nconnection_uri = qemu+unix:///system\n")
    assert configuration.read(cfg.ConfigOpts(), [str(nova_conf)]).libvirt_uri == "qemu+unix:///system"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("no section\n", "the configuration cannot be read"),
        ("[workarounds]\ndisable_rootwrap = often\n", "the configuration cannot be read: Value for option"),
        (
            "[nova_accel]\ndiscovery_interval = often\n",
            "[nova_accel] discovery_interval = 'often' is not valid: it needs a whole number of 0 or more.",
        ),
    ],
)
def test_a_nova_conf_that_cannot_be_read_is_refused(run, nova_conf, content, words):
    nova_conf.write_text(content)
    done = run("device", "list")
    assert done.status == 1
    assert words in done.err


def test_a_nova_conf_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UnreadableConfiguration, match="nowhere"):
        configuration.read(cfg.ConfigOpts(), [str(tmp_path / "nowhere.conf")])


def test_without_a_command_it_says_which_there_are(run):
    assert "device list" in run().out


@pytest.mark.parametrize("words", [["help", "device", "clean"], ["device", "clean", "--help"]])
def test_help_explains_a_command(run, words):
    assert "--erase-foreign-data" in run(*words).out


def test_the_shell_can_complete_our_commands(run):
    completion = run("complete").out
    assert "clean drain list show undrain" in completion
    assert "--erase-foreign-data" in completion


@pytest.mark.parametrize(("options", "shown"), [([], False), (["-v"], True)])
def test_what_a_privsep_daemon_writes_is_shown_when_asked_for(ledger, options, shown):
    out = io.StringIO()
    app = NovaAccel(io.StringIO(), out, conf=cfg.ConfigOpts())
    app.run([*options, "device", "list"])
    daemon.LOG.warning("privsep log: sudo: a password is required")
    assert ("a password is required" in out.getvalue()) is shown


def test_an_unknown_command_is_refused(run):
    assert run("device", "explode").status == 2


def test_every_command_is_listed_and_described():
    commands = NovaAccel(io.StringIO(), io.StringIO(), conf=cfg.ConfigOpts()).command_manager
    names = {name for name, entry_point in commands if getattr(entry_point, "group", None) == COMMANDS}
    assert names == {"device clean", "device drain", "device list", "device show", "device undrain", "status check"}


WITHOUT_CLIFF = """
import sys
sys.modules["cliff"] = None
from nova_accel.commands.main import main
sys.exit(main(["device", "list"]))
"""


def test_without_cliff_it_says_how_to_get_it():
    done = subprocess.run([sys.executable, "-c", WITHOUT_CLIFF], capture_output=True, text=True)
    assert done.returncode == 1
    assert (
        done.stderr == "The commands need cliff: pip install 'nova-accel[commands]' into nova-compute's virtualenv.\n"
    )


IMPORTED = """
import sys
import nova_accel.commands.main, nova_accel.commands.app, nova_accel.commands.status_check
print([name for name in sys.modules if name.split(".")[0] == "nova"])
"""


def test_the_commands_do_not_load_nova():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", IMPORTED], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_console_script_ends_with_the_commands_status(nova_conf, ledger):
    command = [sys.executable, "-c", "import sys; from nova_accel.commands.main import main; sys.exit(main())"]
    arguments = ["--config-file", str(nova_conf), "device", "show", "S4EVF", "-f", "value", "-c", "identity"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "S4EVFREE\n", "")


def test_main_reads_the_arguments_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["nova-accel", "--version"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.split()[-1] == metadata.version("nova-accel")
