"""Root's side, as far as it can be shown without root: the time limit, the fixed command lines, the checked arguments."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from oslo_privsep import capabilities

from nova_accel.exception import PrivilegedCallError
from nova_accel.host import LocalHost, _called
from nova_accel.privsep import acting_pctxt, binding, controller, dax, erasing, reading, reading_pctxt, tool, using
from nova_accel.privsep.errors import Failed, Refused


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


def test_only_known_methods_become_a_command_line():
    assert erasing._eraser("nvme0n1", "format") == ["nvme", "format", "/dev/nvme0n1", "--ses=1", "--force"]
    assert erasing._eraser("nvme0n1", "write-zeroes") == ["blkdiscard", "--zeroout", "--force", "/dev/nvme0n1"]
    with pytest.raises(Refused):
        erasing._eraser("nvme0n1", "dsm; reboot")


def test_each_function_belongs_to_the_context_with_the_least_it_needs():
    reads = [reading.lspci, reading.ndctl, reading.who_holds, reading.signatures]
    acts = [
        binding.hand_over,
        binding.bring_back,
        binding.settle,
        erasing.id_ctrl,
        erasing.sizes,
        erasing.erase,
        erasing.first_nonzero,
        using.who_writes,
        using.mounted_elsewhere,
        using.namespace_users,
        dax.check_namespace,
        dax.namespace_size,
        dax.zero_namespace,
        dax.namespace_first_nonzero,
    ]
    assert all(reading_pctxt.is_entrypoint(function) for function in reads)
    assert all(acting_pctxt.is_entrypoint(function) for function in acts)
    assert reading_pctxt.conf.capabilities == []
    assert set(acting_pctxt.conf.capabilities) == {
        capabilities.CAP_SYS_ADMIN,
        capabilities.CAP_SYS_PTRACE,
        capabilities.CAP_DAC_READ_SEARCH,
    }


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
