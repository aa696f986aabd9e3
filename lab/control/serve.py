"""``python -m lab.control.serve MODULE PORT``: one WSGI application on the loopback."""

from __future__ import annotations

import importlib
import sys

import waitress  # type: ignore[import-untyped,unused-ignore]

from lab.control.ports import HOST

THREADS = 6


def main() -> None:
    """Load the application and serve until killed."""
    module, port = sys.argv[1:]
    sys.argv[1:] = []  # the applications read their own arguments from here
    importlib.import_module("lab.control.sqlite")
    application = importlib.import_module(module).application
    waitress.serve(application, host=HOST, port=int(port), threads=THREADS, _quiet=True)


if __name__ == "__main__":
    main()
