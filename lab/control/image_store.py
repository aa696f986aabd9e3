"""The image store's files: <id>.json, an image's record as the Images API v2 shows it, and <id>, its content."""

from __future__ import annotations

import datetime
import hashlib
import json
import pathlib
import uuid
from typing import Any

Record = dict[str, Any]
# What a record has whoever made it.
ALWAYS: Record = {
    "status": "queued",
    "visibility": "private",
    "protected": False,
    "owner": "lab",
    "size": None,
    "virtual_size": None,
    "min_disk": 0,
    "min_ram": 0,
    "tags": [],
    "checksum": None,
    "os_hash_algo": None,
    "os_hash_value": None,
    "os_hidden": False,
    "schema": "/v2/schemas/image",
}


def there(folder: pathlib.Path, image_id: str) -> bool:
    """Whether there is such an image."""
    return _path(folder, image_id).exists()


def record(folder: pathlib.Path, image_id: str) -> Record:
    """An image's record."""
    found: Record = json.loads(_path(folder, image_id).read_text())
    return found


def create(folder: pathlib.Path, wanted: Record) -> Record:
    """A new image without content."""
    image_id = str(wanted.get("id") or uuid.uuid4())
    now = _now()
    made = {"created_at": now, "updated_at": now, "file": f"/v2/images/{image_id}/file"}
    return _keep(folder, {**ALWAYS, "name": None, **made, **wanted, "id": image_id})


def fill(folder: pathlib.Path, image_id: str, content: bytes) -> Record:
    """Take an image's content: it can be used from now on."""
    (folder / image_id).write_bytes(content)
    return _keep(folder, {**record(folder, image_id), **described(content), "status": "active"})


def described(content: bytes) -> Record:
    """What a record says about content."""
    return {
        "size": len(content),
        "virtual_size": len(content),
        "checksum": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "os_hash_algo": "sha512",
        "os_hash_value": hashlib.sha512(content).hexdigest(),
    }


def change(folder: pathlib.Path, image_id: str, patch: list[Record]) -> Record:
    """Apply a JSON patch (RFC 6902) of a record's own members."""
    found = record(folder, image_id)
    for step in patch:
        name = str(step["path"]).lstrip("/").replace("~1", "/").replace("~0", "~")
        if step["op"] == "remove":
            found.pop(name, None)
        else:
            found[name] = step["value"]
    return _keep(folder, {**found, "updated_at": _now()})


def remove(folder: pathlib.Path, image_id: str) -> None:
    """Forget an image."""
    _path(folder, image_id).unlink()
    (folder / image_id).unlink(missing_ok=True)


def _keep(folder: pathlib.Path, one: Record) -> Record:
    _path(folder, one["id"]).write_text(json.dumps(one))
    return one


def _path(folder: pathlib.Path, image_id: str) -> pathlib.Path:
    return folder / f"{pathlib.PurePath(image_id).name}.json"


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
