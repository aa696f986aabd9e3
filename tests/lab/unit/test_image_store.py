"""The stand-in for Glance takes a snapshot as Nova's client sends it."""

from __future__ import annotations

import http.client
import http.server
import json
import pathlib
import threading
from collections.abc import Iterator

import pytest

from lab.control import image_store, stand_ins
from lab.control.ports import HOST

PATCH = [
    {"op": "replace", "path": "/name", "value": "snapshot"},
    {"op": "add", "path": "/a~1b", "value": "c"},
    {"op": "remove", "path": "/owner"},
]


@pytest.fixture
def port(tmp_path: pathlib.Path) -> Iterator[int]:
    """A stand-in that keeps its images in tmp_path."""
    handler = type("Here", (stand_ins.Handler,), {"folder": tmp_path})
    server = http.server.ThreadingHTTPServer((HOST, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def ask(port: int, method: str, path: str, body: object = None, *, chunked: bool = False) -> tuple[int, bytes]:
    """One request; its status and answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    connection.request(method, f"/image/v2/images{path}", body=body, encode_chunked=chunked)  # type: ignore[arg-type]
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_snapshot_is_made_described_and_filled_in_chunks(port: int, tmp_path: pathlib.Path) -> None:
    status, made = ask(port, "POST", "", json.dumps({"name": "new", "disk_format": "raw"}))
    image = json.loads(made)
    assert (status, image["status"], image["size"]) == (201, "queued", None)
    assert ask(port, "PATCH", f"/{image['id']}", json.dumps(PATCH))[0] == 200
    assert ask(port, "PUT", f"/{image['id']}/file", iter([b"ab", b"c" * 70_000]), chunked=True)[0] == 204
    known = json.loads(ask(port, "GET", f"/{image['id']}")[1])
    assert (known["name"], known["a/b"], known["status"], known["size"]) == ("snapshot", "c", "active", 70_002)
    assert "owner" not in known
    assert ask(port, "GET", f"/{image['id']}/file") == (200, b"ab" + b"c" * 70_000)
    assert ask(port, "DELETE", f"/{image['id']}")[0] == 204
    assert list(tmp_path.iterdir()) == []


def test_an_image_that_is_not_there_is_not_found(port: int) -> None:
    for method, path, body in (
        ("GET", "/no", None),
        ("PUT", "/no/file", b"x"),
        ("PATCH", "/no", b"[]"),
        ("DELETE", "/no", None),
    ):
        assert ask(port, method, path, body)[0] == 404


def test_an_image_cannot_be_outside_the_store(tmp_path: pathlib.Path) -> None:
    (tmp_path / "outside.json").write_text("{}")
    store = tmp_path / "store"
    store.mkdir()
    assert not image_store.there(store, "../outside")
