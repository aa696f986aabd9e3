"""A paste filter in place of keystonemiddleware: whoever asks is the one administrator.

Nova has had no authentication strategy but Keystone since 26.0; this sets the headers
that Keystone's middleware would set, which nova.api.auth then reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

PROJECT = "6f70656e737461636b6e6f7661616363"
USER = "6c61622d61646d696e6973747261746f"
TOKEN = "admin"

HEADERS = {
    "HTTP_X_IDENTITY_STATUS": "Confirmed",
    "HTTP_X_USER_ID": USER,
    "HTTP_X_USER_NAME": "lab",
    "HTTP_X_USER_DOMAIN_ID": "default",
    "HTTP_X_PROJECT_ID": PROJECT,
    "HTTP_X_PROJECT_NAME": "lab",
    "HTTP_X_PROJECT_DOMAIN_ID": "default",
    "HTTP_X_ROLES": "admin,member,reader",
    "HTTP_X_AUTH_TOKEN": TOKEN,
    "HTTP_X_SERVICE_CATALOG": json.dumps([]),
}

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def filter_factory(_global_conf: dict[str, str], **_local_conf: str) -> Callable[[Application], Application]:
    """Paste's entry point."""

    def wrap(application: Application) -> Application:
        def identified(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            return application(environ | HEADERS, start_response)

        return identified

    return wrap
