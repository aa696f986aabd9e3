"""When what was measured is enough to say on which side of a bound it is."""

import pytest

from tests.lab.signs import is_open

BELOW, ABOVE = 1.0, 1.5


@pytest.mark.parametrize(
    ("below", "above", "expected"),
    [
        (0, 0, True),
        (4, 0, True),
        (5, 0, False),
        (0, 5, False),
        (4, 1, True),
        (7, 1, False),
        (2, 9, False),
        (8, 7, True),
    ],
)
def test_it_is_open_as_long_as_chance_may_have_done_it(below, above, expected):
    assert is_open([BELOW] * below + [ABOVE] * above, 1.2) is expected


def test_what_is_on_the_bound_is_not_above_it():
    assert not is_open([1.2] * 5, 1.2)
    assert is_open([1.2] * 3 + [ABOVE] * 2, 1.2)
