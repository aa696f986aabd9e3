"""Stand-ins for Glance and Neutron: a read-only image store and a network without ports.

``python -m lab.control.stand_ins PORT FOLDER``. An image is two files in FOLDER: <id>.json, its
record as the Images API v2 shows it, and <id>, its content.
"""

from __future__ import annotations

import http.server
import json
import pathlib
import shutil
import sys

from lab.control.ports import HOST

# Nova takes what is named here for an image's own attributes and everything else for its properties.
OWN = (
    "id",
    "name",
    "status",
    "visibility",
    "protected",
    "owner",
    "size",
    "virtual_size",
    "min_disk",
    "min_ram",
    "tags",
    "created_at",
    "updated_at",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
    "os_hidden",
    "file",
    "schema",
    "self",
    "disk_format",
    "container_format",
    "locations",
    "direct_url",
    "stores",
)
SCHEMA = {"name": "image", "properties": {name: {} for name in OWN}, "additionalProperties": {"type": "string"}}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers what Nova asks of the two services."""

    protocol_version = "HTTP/1.1"
    folder: pathlib.Path

    def do_GET(self) -> None:
        """Images, their content, and empty lists of everything of the network."""
        words = self.path.partition("?")[0].strip("/").split("/")
        match words:
            case ["network", "v2.0", *_, what]:
                self._json({what.removesuffix(".json").replace("-", "_"): []})
            case ["image"] | ["image", ""]:
                self._json({"versions": [{"id": "v2.9", "status": "CURRENT", "links": []}]})
            case ["image", "v2", "schemas", "image"]:
                self._json(SCHEMA)
            case ["image", "v2", "images", image_id]:
                self._image(image_id)
            case ["image", "v2", "images", image_id, "file"]:
                self._content(image_id)
            case _:
                self.send_error(404)

    def _image(self, image_id: str) -> None:
        record = self.folder / f"{image_id}.json"
        if record.exists():
            self._json(json.loads(record.read_text()))
        else:
            self.send_error(404)

    def _content(self, image_id: str) -> None:
        path = self.folder / image_id
        if not path.exists():
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(path.stat().st_size))
        self.end_headers()
        with path.open("rb") as content:
            shutil.copyfileobj(content, self.wfile)

    def _json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until killed."""
    port, folder = sys.argv[1:]
    Handler.folder = pathlib.Path(folder)
    http.server.ThreadingHTTPServer((HOST, int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
