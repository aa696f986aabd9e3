"""How far cleaning is, from what the ledger knows of it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_accel.cleaning import progress
from nova_accel.ledger.cleanings import Underway

GIB = 1024**3
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def doing(done_bytes: int, total_bytes: int, words: str = "reading") -> Underway:
    return Underway("SN1", words, done_bytes, total_bytes, BEGAN.isoformat(timespec="milliseconds"))


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("one", "passed_s", "words"),
    [
        (doing(0, 0, "format"), 30, "format"),
        (doing(0, 8 * GIB), 30, "reading, 0 %"),
        (doing(2 * GIB, 8 * GIB), 10, "reading, 25 %, less than a minute left"),
        (doing(2 * GIB, 8 * GIB), 60, "reading, 25 %, about 3 min left"),
        (doing(GIB, 5 * GIB), 3600, "reading, 20 %, about 4.0 h left"),
        (doing(8 * GIB, 8 * GIB), 60, "reading, 100 %, less than a minute left"),
    ],
)
def test_it_says_what_is_done_how_much_of_it_and_how_long_it_takes(one: Underway, passed_s: float, words: str):
    assert progress.in_words(one, after(passed_s)) == words


def test_a_clock_that_was_set_back_costs_the_estimate_only():
    assert progress.in_words(doing(GIB, 2 * GIB), after(-60)) == "reading, 50 %"


def test_numbers_that_cannot_be_right_make_no_estimate():
    assert progress.in_words(doing(3 * GIB, 2 * GIB), after(60)) == "reading, 100 %"


@given(total_bytes=st.integers(1, 2**60), share=st.floats(0.001, 1), passed_s=st.floats(1, 1e6))
def test_what_is_left_and_what_has_passed_make_the_whole_at_an_even_speed(total_bytes, share, passed_s):
    done_bytes = min(total_bytes, max(1, int(total_bytes * share)))
    left_s = progress.left_s(doing(done_bytes, total_bytes), after(passed_s))
    assert left_s is not None
    assert 0 <= progress.percent(doing(done_bytes, total_bytes)) <= 100
    assert (passed_s + left_s) * done_bytes / total_bytes == pytest.approx(passed_s, rel=1e-3)
