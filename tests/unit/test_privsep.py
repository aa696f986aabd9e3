"""Root's side, as far as it can be shown without root: the time limit, the fixed command lines, the checked arguments."""

import importlib
import pkgutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from oslo_privsep import capabilities
from oslo_privsep.comm import PrivsepTimeout

from nova_accel import privsep
from nova_accel.exception import DeviceLost, PrivilegedCallError
from nova_accel.host import LocalHost, _called
from nova_accel.privsep import (
    acting_pctxt,
    binding,
    controller,
    dax,
    erasing,
    health,
    links,
    reading,
    reading_pctxt,
    sanitizing,
    tool,
    using,
)
from nova_accel.privsep.errors import Failed, Lost, Refused


def run(argv, timeout_s):
    # In a thread of its own, because a thread that ran a tool has given up gaining privileges for good.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(tool.run, argv, timeout_s).result()


def python(code):
    return [sys.executable, "-c", code]


def test_what_a_tool_prints_comes_back_with_undecodable_bytes_replaced():
    assert run(python("import os; os.write(1, b'a\\xff')"), 10) == "a�"


def test_a_tool_that_fails_is_quoted_with_its_last_line():
    with pytest.raises(Failed, match="ended with status 3: second"):
        run(python("import sys; print('first\\nsecond', file=sys.stderr); sys.exit(3)"), 10)


def test_a_tool_that_a_signal_ends_is_said_to_have_been():
    with pytest.raises(Failed, match="was ended by SIGBUS"):
        run(python("import os, signal; os.kill(os.getpid(), signal.SIGBUS)"), 10)


def test_a_missing_tool_is_a_sentence():
    with pytest.raises(Failed, match="no-such-tool cannot be started: No such file"):
        run(["no-such-tool"], 10)


@pytest.mark.parametrize(
    "code",
    [
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])",
        "import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(8)\ntime.sleep(60)",
    ],
    ids=["ignores SIGTERM", "waits for a child", "left a child in a session of its own"],
)
def test_the_time_limit_holds(code):
    started = time.monotonic()
    with pytest.raises(Failed, match=r"was not done after 0.5 s and was killed"):
        run(python(code), 0.5)
    assert time.monotonic() - started < 6


# Its end is shown to the one who traces it first: until that one has looked, it cannot be waited for, as if SIGKILL had done nothing.
TRACED = """
import ctypes, os, sys, time
SEIZE, SET_PTRACER, ANY = 0x4206, 0x59616D61, ctypes.c_ulong(-1)
libc, traced, (told, tell) = ctypes.CDLL(None), os.getpid(), os.pipe()
libc.prctl(SET_PTRACER, ANY, 0, 0, 0)
if os.fork() == 0:
    os.setsid()
    os.write(tell, b"0" if libc.ptrace(SEIZE, traced, None, None) else b"1")
    time.sleep(8)
    os._exit(0)
sys.exit(3) if os.read(told, 1) == b"0" else time.sleep(60)
"""


def test_a_tool_that_sigkill_does_not_end_is_left_and_its_device_lost():
    started = time.monotonic()
    with pytest.raises(Failed) as failure:
        run(python(TRACED), 2)
    if "status 3" in str(failure.value):
        pytest.skip(
            "this container lets no process trace another, and nothing else makes one that SIGKILL does not seem to end"
        )
    assert "was not done after 2 s and could not be killed" in str(failure.value)
    assert isinstance(failure.value, Lost)
    assert time.monotonic() - started < 7


def test_a_tool_gets_none_of_our_environment_and_can_gain_no_privilege():
    status = run(python("import os; print(sorted(os.environ)); print(open('/proc/self/status').read())"), 10)
    assert status.startswith(("['LC_ALL', 'LC_CTYPE', 'PATH']", "['LC_ALL', 'PATH']"))
    assert "NoNewPrivs:\t1" in status


@pytest.mark.parametrize(
    "address", ["", "../../../etc", "0000:00:00.0/..", "0000:01:00.8", "0000:01:00.0\n", None, 5, b"x"]
)
def test_an_address_from_outside_is_never_used_unchecked(address):
    with pytest.raises(Refused):
        controller.device(address)


def test_what_is_not_there_is_refused():
    with pytest.raises(Refused, match="there is no PCI device"):
        controller.device("ffff:ff:1f.7")


@pytest.mark.parametrize(("method", "ses"), [("format", 1), ("format-crypto", 2)])
def test_a_format_has_a_fixed_command_line_with_a_time_limit_of_its_own(method, ses):
    argv = ["nvme", "format", "/dev/nvme0n1", f"--ses={ses}", "--timeout=3600000", "--force"]
    assert erasing._format("nvme0n1", method, 3600.0) == argv


@pytest.mark.parametrize(("allocated", "options"), [(False, []), (True, ["--all"])])
def test_the_namespaces_are_asked_for_as_the_controller_can_tell_them(allocated, options):
    assert erasing._list_ns("nvme0", allocated) == ["nvme", "list-ns", "/dev/nvme0", *options]


def test_zeros_are_asked_for_by_parts():
    argv = ["blkdiscard", "--zeroout", "--force", "--offset=4194304", "--length=512", "/dev/nvme0n1"]
    assert erasing._blkdiscard("nvme0n1", 4194304, 512) == argv


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("sanitize-block", ["--sanact=2"]),
        ("sanitize-overwrite", ["--sanact=3", "--owpass=1"]),
        ("sanitize-crypto", ["--sanact=4"]),
    ],
)
def test_a_sanitize_has_the_numbers_that_every_nvme_cli_knows_and_allows_no_unrestricted_exit(method, options):
    assert sanitizing._command("nvme0", method) == ["nvme", "sanitize", "/dev/nvme0", *options]


@pytest.mark.parametrize("method", ["dsm; reboot", "", "none", "write-zeroes", None])
def test_only_known_methods_become_a_command_line(method):
    with pytest.raises(Refused, match="is not a way to"):
        erasing._format("nvme0n1", method, 1.0)
    with pytest.raises(Refused, match="is not a way to"):
        sanitizing.sanitize.__wrapped__("0000:01:00.0", "SN1", method)
    with pytest.raises(Refused, match="is not a way to" if method != "write-zeroes" else "there is no PCI device"):
        erasing.zero.__wrapped__("ffff:ff:1f.7", "SN1", "nvme0n1", method, 0, 1)


READS = [reading.lspci, reading.ndctl, reading.who_holds, reading.signatures]
ACTS = [
    binding.hand_over,
    binding.bring_back,
    binding.settle,
    erasing.id_ctrl,
    erasing.list_ns,
    erasing.sizes,
    erasing.erase,
    erasing.zero,
    erasing.first_nonzero,
    erasing.first_unlike,
    sanitizing.sanitize,
    sanitizing.sanitize_log,
    health.smart_logs,
    using.who_writes,
    using.mounted_elsewhere,
    using.namespace_users,
    dax.check_namespace,
    dax.namespace_size,
    dax.zero_namespace,
    dax.namespace_first_nonzero,
    links.link_namespace,
]


def test_every_function_that_root_s_side_offers_is_named_here():
    modules = [
        importlib.import_module(f"{privsep.__name__}.{one.name}") for one in pkgutil.iter_modules(privsep.__path__)
    ]
    offered = {
        function
        for module in modules
        for function in vars(module).values()
        if callable(function) and (reading_pctxt.is_entrypoint(function) or acting_pctxt.is_entrypoint(function))
    }
    assert {function.__qualname__ for function in offered} == {function.__qualname__ for function in READS + ACTS}


def test_each_function_belongs_to_the_context_with_the_least_it_needs():
    assert all(reading_pctxt.is_entrypoint(function) for function in READS)
    assert all(acting_pctxt.is_entrypoint(function) for function in ACTS)
    assert reading_pctxt.conf.capabilities == []
    assert set(acting_pctxt.conf.capabilities) == {
        capabilities.CAP_SYS_ADMIN,
        capabilities.CAP_SYS_PTRACE,
        capabilities.CAP_DAC_READ_SEARCH,
    }


@pytest.mark.parametrize("context", [reading_pctxt, acting_pctxt])
def test_devices_that_are_being_cleaned_keep_no_other_call_waiting(context):
    # As many as there are processors, oslo.privsep's default, were kept by as many SSDs that format themselves.
    assert context.conf.thread_pool_size == 64


def test_a_host_without_devices_is_not_bothered():
    # Without a privsep daemon, which no unit test has, each of these would fail if it went there.
    host = LocalHost()
    assert host.who_uses([]) == host.signatures([]) == host.mounted_elsewhere([]) == host.namespace_users([]) == {}


@pytest.mark.parametrize("error", [Refused("no"), Failed("no"), OSError("no")])
def test_whatever_goes_wrong_there_is_one_error_here(error):
    def call():
        raise error

    with pytest.raises(PrivilegedCallError, match=r"^call: .*no"):
        _called(call)()


def test_a_device_that_is_lost_is_told_from_a_call_that_failed():
    def call():
        raise Lost("it hangs")

    with pytest.raises(DeviceLost, match=r"^call: it hangs"):
        _called(call)()


@pytest.mark.parametrize(
    ("name", "lost"),
    [("hand_over", True), ("bring_back", True), ("erase", True), ("zero", True), ("sanitize", True), ("lspci", False)]
    + [(name, True) for name in ("id_ctrl", "list_ns", "sizes", "sanitize_log", "first_nonzero", "first_unlike")],
)
def test_what_does_not_come_back_though_its_tools_have_limits_hangs_with_the_device(name, lost):
    def call():
        raise PrivsepTimeout("no answer")

    call.__name__ = name
    with pytest.raises(PrivilegedCallError, match=rf"^{name}: the privsep daemon did not answer in time") as failure:
        _called(call)()
    assert isinstance(failure.value, DeviceLost) is lost


SYSFS = ["nvme-subsys0/nvme0", "nvme-subsys0/nvme0n1", "nvme-subsys1/nvme1", "pci/0000:01:00.0/nvme/nvme0/nvme0c0n1"]


@pytest.mark.parametrize(
    ("more", "names", "words"),
    [
        ([], ("nvme0n1",), None),
        (["nvme-subsys1/nvme1n1"], ("nvme0n1",), None),
        (["nvme-subsys0/nvme7"], ("nvme0n1",), "nvme0 shares its NVM subsystem with nvme7"),
        (["nvme-subsys0/nvme0n2"], ("nvme0n1",), "nvme0 shares its NVM subsystem with nvme0n2"),
        (["pci/0000:01:00.0/nvme/nvme0/nvme0n3"], ("nvme0n1",), "nvme0 shares its NVM subsystem with nvme0n3"),
        (["nvme-subsys0/nvme0n2"], ("nvme0n1", "nvme0n2"), None),
    ],
)
def test_only_what_is_alone_in_its_subsystem_and_held_as_a_whole_is_sanitized(
    tmp_path, monkeypatch, more, names, words
):
    for path in [*SYSFS, *more]:
        (tmp_path / path).mkdir(parents=True)
    monkeypatch.setattr(controller, "_SUBSYSTEMS", tmp_path)
    if words is None:
        controller.refuse_if_not_alone(tmp_path / "pci/0000:01:00.0", names)
        return
    with pytest.raises(Refused, match=words):
        controller.refuse_if_not_alone(tmp_path / "pci/0000:01:00.0", names)


def test_a_kernel_that_does_not_say_who_shares_a_subsystem_has_nothing_sanitized(tmp_path, monkeypatch):
    (tmp_path / "pci/nvme/nvme0/nvme0n1").mkdir(parents=True)
    monkeypatch.setattr(controller, "_SUBSYSTEMS", tmp_path / "none")
    with pytest.raises(Refused, match="the kernel does not say which NVM subsystem nvme0 belongs to"):
        controller.refuse_if_not_alone(tmp_path / "pci", ("nvme0n1",))


@pytest.mark.parametrize(
    ("printed", "error", "words"),
    [
        ('{"cmic": 0}', None, ""),
        ('{"cmic": 1}', None, ""),
        ('{"cmic": 2}', Refused, "may have other controllers"),
        ('{"cmic": 4}', Refused, "may have other controllers"),
        ('{"cmic": "0"}', Refused, "may have other controllers"),
        ("{}", Failed, "does not say whether nvme0 is alone"),
        ("[]", Failed, "does not say whether nvme0 is alone"),
        ("no JSON", Failed, "does not say whether nvme0 is alone"),
    ],
)
def test_a_controller_that_may_have_others_beside_it_is_not_sanitized(monkeypatch, printed, error, words):
    monkeypatch.setattr(tool, "run", lambda argv, timeout_s: printed)
    if error is None:
        sanitizing._refuse_if_shared("nvme0")
        return
    with pytest.raises(error, match=words):
        sanitizing._refuse_if_shared("nvme0")
