"""Errors that cross from root's side; oslo.privsep rebuilds them from class name and arguments."""


class Refused(Exception):
    """Root's side did not do it: the sentence says why, and nothing was changed."""


class Failed(Exception):
    """Root's side tried and something went wrong: the sentence says what."""


class Lost(Failed):
    """A device did not come back from a reset, or does not answer: to try again would only hang again."""
