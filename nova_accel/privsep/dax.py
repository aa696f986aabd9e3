"""Checks, zeroes and reads back a PMEM namespace in devdax mode.

Neither the kernel nor the tools refuse to touch a dax device that a guest has mapped, so each of these looks at all processes first.
Between that look and the end the device stays open here: its number then cannot go to another one.
"""

import contextlib
import os
import re
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from nova_accel.privsep import acting_pctxt, namespace, openers, scan, tool
from nova_accel.privsep.errors import Failed, Refused

_SYS = Path("/sys")
_DEV = Path("/dev")

_CHECK_TIMEOUT_S = 60.0
_READ_TIMEOUT_S = 600.0
_ZERO_TIMEOUT_S = 3600.0
_ZERO_LEAST_S = 60.0
# A fraction of what one persistent memory module writes.
_ZERO_BYTES_PER_S = 64 * 1024 * 1024
_SLACK_S = 60.0

_WRITTEN = re.compile(r"copied (\d+) bytes to device", re.ASCII)
_SCAN = f"import runpy; runpy.run_path({scan.__file__!r})['main']()"

_AT_WORK: set[str] = set()
_AT_WORK_GUARD = threading.Lock()


@acting_pctxt.entrypoint_with_timeout(_CHECK_TIMEOUT_S)
def check_namespace(dev: str, uuid: str) -> str:
    """The path of the dax device, if the namespace is the one with ``uuid``, in devdax mode, enabled and used by nobody.

    :param dev: the namespace's name now, such as ``namespace0.1``
    :param uuid: of the namespace's label
    :raises Refused: when it is not
    """
    device = namespace.find(_SYS, dev, uuid)
    with _alone(device):
        os.close(_open(device))
        _refuse_if_used(device)
        _expect_same(device)
    return f"/dev/{device.name}"


@acting_pctxt.entrypoint_with_timeout(_CHECK_TIMEOUT_S)
def namespace_size(dev: str, uuid: str) -> int:
    """Size in bytes of the dax device, which is less than the namespace's own where the kernel keeps its notes in it."""
    return namespace.find(_SYS, dev, uuid).size_bytes


@acting_pctxt.entrypoint_with_timeout(_ZERO_TIMEOUT_S)
def zero_namespace(dev: str, uuid: str, offset_bytes: int, length_bytes: int) -> None:
    """Write zeros to a part of the dax device, past the processor's caches.

    :param offset_bytes: where to begin, a multiple of 4 MiB
    :param length_bytes: how much; it must not reach beyond the end
    :raises Refused: like :func:`check_namespace`, or when there is no such part; nothing was changed
    :raises Failed: when daxio says so, wrote less than that, is not done in time, or another namespace is there afterwards
    """
    with _held(dev, uuid) as (device, descriptor):
        _refuse_if_outside(device.size_bytes, offset_bytes, length_bytes)
        # By descriptor: where a path does not exist any more, daxio would make a file of this name.
        part = [f"--seek={offset_bytes}", f"--len={length_bytes}"]
        argv = ["daxio", "--zero", *part, f"--output=/proc/self/fd/{descriptor}"]
        _expect_all(tool.run_with([descriptor], argv, _time_to_zero(length_bytes)).err, length_bytes)


@acting_pctxt.entrypoint_with_timeout(_READ_TIMEOUT_S + _SLACK_S)
def namespace_first_nonzero(dev: str, uuid: str, offset_bytes: int, length_bytes: int) -> int:
    """Offset of the first 4 MiB chunk with a byte that is not zero; -1 when all are zero.

    :param offset_bytes: where to begin, a multiple of 4 MiB
    :param length_bytes: how much to read; what lies behind the end counts as zero
    :raises Refused: like :func:`check_namespace`
    :raises Failed: when it could not be read, or another namespace is there afterwards
    """
    if offset_bytes < 0 or offset_bytes % scan.CHUNK_BYTES or length_bytes < 0:
        raise Refused(f"{offset_bytes} is not a multiple of {scan.CHUNK_BYTES}, or {length_bytes} is no length")
    with _held(dev, uuid) as (device, descriptor):
        end_bytes = min(device.size_bytes, offset_bytes + length_bytes)
        return _scanned(device, descriptor, offset_bytes, end_bytes)


def _scanned(device: namespace.DaxDevice, descriptor: int, offset_bytes: int, end_bytes: int) -> int:
    numbers = [str(number) for number in (descriptor, offset_bytes, end_bytes, device.align_bytes)]
    try:
        found = tool.run_with([descriptor], [sys.executable, "-I", "-S", "-c", _SCAN, *numbers], _READ_TIMEOUT_S)
    except Failed as failure:
        what = f"/dev/{device.name} could not be read from byte {offset_bytes} to {end_bytes}"
        raise Failed(f"{what} (SIGBUS is a media error, or it was disabled meanwhile): {failure}") from failure
    return int(found.out)


@contextlib.contextmanager
def _held(dev: str, uuid: str) -> Iterator[tuple[namespace.DaxDevice, int]]:
    """The checked device and a descriptor of it, while nobody else uses it; that it stayed the same is checked at the end."""
    device = namespace.find(_SYS, dev, uuid)
    with _alone(device):
        descriptor = _open(device)
        try:
            _expect_same(device)
            _refuse_if_used(device)
            yield device, descriptor
            _expect_same(device)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _alone(device: namespace.DaxDevice) -> Iterator[None]:
    # What this process and its tools have open does not count as use, so it has to be known here.
    with _AT_WORK_GUARD:
        if device.name in _AT_WORK:
            raise Refused(f"{device.namespace} is being zeroed, read or checked")
        _AT_WORK.add(device.name)
    try:
        yield
    finally:
        with _AT_WORK_GUARD:
            _AT_WORK.remove(device.name)


def _open(device: namespace.DaxDevice) -> int:
    path = _DEV / device.name
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"/dev/{device.name} cannot be opened: {error.strerror}") from error
    state = os.fstat(descriptor)
    if not stat.S_ISCHR(state.st_mode) or state.st_rdev != device.number:
        os.close(descriptor)
        raise Refused(f"/dev/{device.name} is not the dax device of {device.namespace}")
    return descriptor


def _refuse_if_used(device: namespace.DaxDevice) -> None:
    for sentence in openers.find_dax_users({device.name: device.number}).values():
        raise Refused(sentence)


def _expect_same(device: namespace.DaxDevice) -> None:
    try:
        now = namespace.find(_SYS, device.namespace, device.uuid)
    except Refused as refusal:
        raise Failed(f"{device.namespace} changed meanwhile: {refusal}") from refusal
    if now != device:
        raise Failed(f"{device.namespace} was disabled or made again meanwhile")


def _refuse_if_outside(size_bytes: int, offset_bytes: int, length_bytes: int) -> None:
    if offset_bytes < 0 or offset_bytes % scan.CHUNK_BYTES:
        raise Refused(f"{offset_bytes} is not a multiple of {scan.CHUNK_BYTES}")
    if length_bytes <= 0 or offset_bytes + length_bytes > size_bytes:
        raise Refused(f"{length_bytes} bytes from {offset_bytes} are not within {size_bytes} bytes")


def _time_to_zero(length_bytes: int) -> float:
    return min(_ZERO_LEAST_S + length_bytes / _ZERO_BYTES_PER_S, _ZERO_TIMEOUT_S - _SLACK_S)


def _expect_all(printed: str, length_bytes: int) -> None:
    # daxio cuts what it is asked for to what it finds, and says only here how much that was.
    match = _WRITTEN.search(printed)
    if match is None or int(match[1]) != length_bytes:
        raise Failed(f"daxio wrote {match[1] if match else 'nobody knows how many'} of {length_bytes} bytes")
