"""Stand-ins for Glance and Neutron: an image store and a network without ports.

``python -m lab.control.stand_ins PORT FOLDER``. An image is two files in FOLDER: <id>.json, its
record as the Images API v2 shows it, and <id>, its content.
"""

from __future__ import annotations

import http.server
import json
import pathlib
import shutil
import sys

from lab.control import image_store
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
        match self._words():
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

    def do_POST(self) -> None:
        """A new image, without content."""
        body = self._body()
        if self._words() == ["image", "v2", "images"]:
            self._json(image_store.create(self.folder, json.loads(body)), 201)
        else:
            self.send_error(404)

    def do_PUT(self) -> None:
        """An image's content."""
        body = self._body()
        match self._words():
            case ["image", "v2", "images", image_id, "file"] if image_store.there(self.folder, image_id):
                image_store.fill(self.folder, image_id, body)
                self._nothing()
            case _:
                self.send_error(404)

    def do_PATCH(self) -> None:
        """Changes to an image's record, as a JSON patch."""
        body = self._body()
        match self._words():
            case ["image", "v2", "images", image_id] if image_store.there(self.folder, image_id):
                self._json(image_store.change(self.folder, image_id, json.loads(body)))
            case _:
                self.send_error(404)

    def do_DELETE(self) -> None:
        """An image's end."""
        match self._words():
            case ["image", "v2", "images", image_id] if image_store.there(self.folder, image_id):
                image_store.remove(self.folder, image_id)
                self._nothing()
            case _:
                self.send_error(404)

    def _words(self) -> list[str]:
        return self.path.partition("?")[0].strip("/").split("/")

    def _body(self) -> bytes:
        """What was sent, in one piece or in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _image(self, image_id: str) -> None:
        if image_store.there(self.folder, image_id):
            self._json(image_store.record(self.folder, image_id))
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

    def _nothing(self) -> None:
        self.send_response(204)
        self.end_headers()

    def _json(self, value: object, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
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
