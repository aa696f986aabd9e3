"""Names of providers. Whatever hardware says, they fit Placement and stay the same for the same device."""

import hashlib
import re
import uuid

_LIMIT = 200  # Placement's column for provider names
_HASH_DIGITS = 16
_UNWANTED = re.compile(r"[^A-Za-z0-9._-]+")
# What a name of ours ends with when it was made of a digest; hardware may not choose such an ending itself.
_LIKE_A_DIGEST = re.compile(rf".*_[0-9a-f]{{{_HASH_DIGITS}}}", re.ASCII)
_NAMESPACE = uuid.UUID("5d0b6d2c-8f0e-4a55-9a3b-2c7f9a1e6b41")


def suffix(kind: str, identity: str) -> str:
    """The provider's name without the node's: ``ssd_<serial>``.

    Characters that are unusual in names become ``_``; a digest then keeps two identities that differ only there apart.
    """
    tame = _UNWANTED.sub("_", identity)
    if tame == identity and not _LIKE_A_DIGEST.fullmatch(identity):
        return f"{kind}_{tame}"
    return f"{kind}_{tame}_{_digest(identity)}"


def provider(node: str, name_suffix: str) -> str:
    """The provider's name: ``<node>_accel_<suffix>``, its end replaced by a digest past 200 characters."""
    name = f"{node}_accel_{name_suffix}"
    if len(name) <= _LIMIT:
        return name
    return f"{name[: _LIMIT - _HASH_DIGITS - 1]}_{_digest(name)}"


def provider_uuid(name: str) -> str:
    """A uuid that follows from the name, so that a provider which is made again is the same one."""
    return str(uuid.uuid5(_NAMESPACE, name))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()[:_HASH_DIGITS]
