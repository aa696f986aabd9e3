"""A user who wants a server deleted in the middle of something else that Nova does with it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nova import context as nova_context
from nova import objects

from tests.functional import base


def ask_to_delete() -> None:
    """What the API does first: the compute service hears of it when it is done with what it does."""
    for instance in objects.InstanceList.get_all(nova_context.get_admin_context()):
        instance.task_state = "deleting"
        instance.save()


@contextmanager
def asked_to_delete_after(target: object, name: str) -> Iterator[None]:
    """Something of Nova's comes to its end, and meanwhile the user wanted the server deleted."""
    original = getattr(target, name)
    ended = []

    def operation(*args: object, **kwargs: object) -> object:
        result = original(*args, **kwargs)
        ask_to_delete()
        ended.append(name)
        return result

    with base.patched(target, name, operation):
        yield
        assert ended == [name]


@contextmanager
def in_the_middle(target: object, name: str, meanwhile: Callable[[], None], late: bool = False) -> Iterator[None]:
    """Before something of Nova's does anything, or once it has done all, something else happens, once."""
    original = getattr(target, name)
    happened = []

    def operation(*args: object, **kwargs: object) -> object:
        result = original(*args, **kwargs) if late else None
        if not happened:
            happened.append(name)
            meanwhile()
        return result if late else original(*args, **kwargs)

    with base.patched(target, name, operation):
        yield
        assert happened, f"{name} was not reached"


@contextmanager
def until_it_ends(target: object, name: str) -> Iterator[None]:
    """Wait for something of Nova's which goes on after the user was answered, however it ends."""
    original = getattr(target, name)
    ended = threading.Event()

    def operation(*args: object, **kwargs: object) -> object:
        try:
            return original(*args, **kwargs)
        finally:
            ended.set()

    with base.patched(target, name, operation):
        yield
        assert ended.wait(20.0), f"{name} has not ended"
