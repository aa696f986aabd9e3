"""QEMU's monitor protocol (QMP), as much as the lab needs."""

from __future__ import annotations

import json
import pathlib
import socket
from typing import Any

TIMEOUT_S = 30.0


class MonitorError(Exception):
    """QEMU refused a command."""

    def __init__(self, command: str, said: str) -> None:
        super().__init__(f"QEMU refused {command}: {said}")
        self.command = command


def ask(path: pathlib.Path, command: str, **arguments: Any) -> Any:
    """Run one command on the monitor that listens at ``path`` and return what it returns."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(TIMEOUT_S)
        line.connect(str(path))
        with line.makefile("rw") as stream:
            stream.readline()  # the greeting
            _command(stream, "qmp_capabilities", {})
            return _command(stream, command, arguments)


def _command(stream: Any, command: str, arguments: dict[str, Any]) -> Any:
    stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    stream.flush()
    while True:
        answer = json.loads(stream.readline())
        if "error" in answer:
            raise MonitorError(command, answer["error"].get("desc", str(answer["error"])))
        if "return" in answer:
            return answer["return"]
