"""Finds what an operator means by a word."""

import difflib
from collections.abc import Collection

from nova_accel.exception import AccelError

_AT_MOST = 5


class UnknownName(AccelError):
    """A word names no device, or more than one."""

    def __init__(self, word: str, reason: str, near: Collection[str]) -> None:
        super().__init__(f"{word!r} {reason}")
        self.word = word
        self.near = tuple(near)


def resolve(word: str, names: Collection[str]) -> str:
    """Give the one name that is the word or begins with it.

    :raises UnknownName: with the names that may be meant
    """
    if word in names:
        return word
    begun = sorted(name for name in names if word and name.startswith(word))
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise UnknownName(word, f"is the beginning of more than one: {_listed(begun)}", begun)
    near = _near(word, names)
    hint = f"; did you mean {_listed(near)}?" if near else "; see nova-accel device list"
    raise UnknownName(word, f"is no device of this host{hint}", near)


def _near(word: str, names: Collection[str]) -> list[str]:
    folded = {name.casefold(): name for name in sorted(names)}
    wanted = word.casefold()
    within = [name for fold, name in folded.items() if wanted and wanted in fold]
    similar = [folded[fold] for fold in difflib.get_close_matches(wanted, folded, n=_AT_MOST)]
    return list(dict.fromkeys([*within, *similar]))[:_AT_MOST]


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(list(names)[:_AT_MOST])
    return f"{shown} and {len(names) - _AT_MOST} more" if len(names) > _AT_MOST else shown
