"""What of a device is read back."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_accel.cleaning import verification
from nova_accel.cleaning.eraser import SLICE_BYTES
from nova_accel.cleaning.verification import CHUNK_BYTES, SAMPLE, WHOLE

MIB = 1024**2
# Any number of the smallest blocks that an SSD has, up to 64 TiB; and the sizes where chunks and slices end.
SIZES = st.integers(0, 2**37).map(lambda blocks: blocks * 512) | st.builds(
    lambda chunks, more: max(0, chunks * CHUNK_BYTES + more), st.integers(0, 600), st.sampled_from([-512, 0, 512])
)
SEEDS = st.integers(0, 2**32)


def chosen(size_bytes, how, seed=0):
    return verification.slices(size_bytes, how, random.Random(seed))


@given(SIZES.filter(lambda size: size <= 2**42), st.sampled_from([WHOLE, SAMPLE]), SEEDS)
def test_slices_begin_at_multiples_lie_inside_do_not_overlap_and_have_both_ends(size_bytes, how, seed):
    parts = chosen(size_bytes, how, seed)
    behind = 0
    for part in parts:
        assert part.offset_bytes % CHUNK_BYTES == 0
        assert part.offset_bytes >= behind
        assert 0 < part.length_bytes <= SLICE_BYTES
        behind = part.offset_bytes + part.length_bytes
        assert behind == size_bytes or behind % CHUNK_BYTES == 0
    assert behind == size_bytes
    assert not parts or parts[0].offset_bytes == 0


@given(SIZES.filter(lambda size: size <= 2**42))
def test_the_whole_is_everything(size_bytes):
    assert sum(part.length_bytes for part in chosen(size_bytes, WHOLE)) == size_bytes


@given(SIZES, SEEDS)
def test_a_sample_has_the_first_16_mib_and_at_least_the_last_4(size_bytes, seed):
    parts = chosen(size_bytes, SAMPLE, seed)
    for begin, end in ((0, min(16 * MIB, size_bytes)), (max(0, size_bytes - 4 * MIB), size_bytes)):
        assert begin == end or any(
            part.offset_bytes <= begin and end <= part.offset_bytes + part.length_bytes for part in parts
        )


@given(SIZES, SEEDS)
def test_a_sample_is_small_and_everything_of_what_is_smaller(size_bytes, seed):
    read_bytes = sum(part.length_bytes for part in chosen(size_bytes, SAMPLE, seed))
    assert read_bytes <= 70 * CHUNK_BYTES
    assert read_bytes >= min(size_bytes, 64 * CHUNK_BYTES - CHUNK_BYTES)


def test_the_places_by_chance_are_other_ones_each_time_and_anywhere():
    size_bytes = 4 * 1024**4
    samples = [{part.offset_bytes for part in chosen(size_bytes, SAMPLE, seed)} for seed in range(50)]
    assert all(one != other for one, other in itertools.pairwise(samples))
    everywhere = set().union(*samples)
    assert {offset_bytes * 20 // size_bytes for offset_bytes in everywhere} == set(range(20))


@pytest.mark.parametrize("how", [WHOLE, SAMPLE])
def test_the_words_say_how_it_was_read(how):
    assert verification.in_words(how).endswith("all zero")
