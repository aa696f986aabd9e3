"""Errors that cross from root's side; oslo.privsep rebuilds them from class name and arguments."""


class Refused(Exception):
    """Root's side did not do it: the sentence says why, and nothing was changed."""


class Failed(Exception):
    """Root's side tried and something went wrong: the sentence says what."""
