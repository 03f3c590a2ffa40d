"""A listing of many files: all of them come back, in little memory."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from fer_spark.sources.files.listing import File, Listing

AGES = st.none() | st.integers(-(2**53), 2**53)
FILES = st.lists(st.builds(File, st.text(max_size=40), st.integers(0, 2**50), AGES), max_size=40)


@given(files=FILES, times=st.integers(1, 60))
def test_files_come_back_in_order_with_their_sizes(files: list[File], times: int) -> None:
    listing = Listing()
    for file in files * times:
        listing.add(*file)
    assert list(listing) == files * times
    assert (listing.files, listing.total_bytes) == (len(files) * times, sum(file.size for file in files) * times)
    assert bool(listing) == bool(files)
    listing.clear()
    assert not listing
    assert list(listing) == []


def test_a_frame_has_every_file_once_however_many_blocks_there_are(spark: SparkSession) -> None:
    listing = Listing()
    files = [
        File(f"ünï/{number:06d}.jpg", number, None if number % 7 == 0 else number * 1000) for number in range(2500)
    ]
    for file in files:
        listing.add(*file)
    rows = listing.frame(spark).collect()
    assert sorted(File(row["path"], row["size"], row["modified_us"]) for row in rows) == sorted(files)


def test_a_file_takes_thirty_bytes_at_most() -> None:
    listing, count = Listing(), 100_000
    for number in range(count):
        size = number * 2_654_435_761 % 100_000  # neither sizes nor ages are in order
        listing.add(f"2026/{number // 500:04d}/IMG_{number:07d}.JPG", size, 1_700_000_000_000_000 + size * 977_000)
    assert len(pickle.dumps(listing)) < 30 * count
