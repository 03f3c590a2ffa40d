"""Small inputs are seen as such: by files and by bytes, and links do not hide how much there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from fer_spark.cli.commands.build_shards import COMMAND
from fer_spark.cli.run import Given
from fer_spark.sources.files.few import few_files


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "in" / "inner"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.tar").write_bytes(bytes(100))
    (tmp_path / "link").symlink_to(tmp_path / "in")
    return tmp_path


@pytest.mark.parametrize("name", ["in", "link"])
@pytest.mark.parametrize(
    ("files", "size", "few"), [(6, None, True), (5, None, False), (6, 300, True), (6, 299, False), (5, 300, False)]
)
def test_files_and_bytes_both_have_a_limit(here: Path, name: str, files: int, size: int | None, few: bool) -> None:
    assert few_files(str(here / name), files, size) is few


def test_a_lone_file_counts_by_its_bytes(here: Path) -> None:
    assert few_files(str(here / "in/inner/0.tar"), 2, 100)
    assert not few_files(str(here / "in/inner/0.tar"), 2, 99)


def test_pictures_count_by_their_number_alone(here: Path) -> None:
    (here / "in/inner/0.tar").rename(here / "in/inner/0.JPG")
    assert few_files(str(here / "in"), 6, 200)
    assert not few_files(str(here / "in"), 6, 199)


def test_a_link_is_one_more_and_not_followed(here: Path) -> None:
    (here / "in" / "loop").symlink_to(here)
    assert few_files(str(here / "in"), 7)  # two folders, three files, the link, and one to spare
    assert not few_files(str(here / "in"), 6)


def test_what_is_not_seen_in_time_is_not_small(here: Path) -> None:
    assert few_files(str(here / "in"), 6, 300, most_s=60.0)
    assert not few_files(str(here / "in"), 6, 300, most_s=-1.0)


@pytest.mark.parametrize("text", ["", "gone", "s3a://lake/in"])
def test_what_cannot_be_seen_is_not_small(text: str) -> None:
    assert not few_files(text, 10, 10)


def test_a_build_of_few_pictures_is_brief(here: Path) -> None:
    assert COMMAND.brief is not None
    for name, brief in (("in", True), ("gone", False)):
        words = ["--input", str(here / name), "--output", "out"]
        assert COMMAND.brief(Given(COMMAND.parser().parse_args(words), words)) is brief
