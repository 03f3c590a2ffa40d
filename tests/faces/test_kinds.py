"""Every detector declares its traits in its own module; no other module asks for its name."""

from __future__ import annotations

import dataclasses
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fer_spark import members
from fer_spark.faces import detectors
from fer_spark.faces.detect import DetectorKind, DetectorSpec, kind_of, load_detector, resolve_detector
from fer_spark.faces.model_file import ModelFileError
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.resolve import resolve
from fer_spark.faces.settings import AUTO, DETECTORS, FaceSettings
from fer_spark.preparation.preparation import NO_DETECTOR, OWN_BOX, Preparation, Reuse
from fer_spark.rows import RAW_IMAGE
from tests.compared import decisions_in
from tests.poison import jpeg

ROOT = Path(__file__).parents[2]
NAMES = members.names(detectors)
SEARCHING = [name for name in NAMES if name not in (NO_DETECTOR, OWN_BOX)]

MIDDLE = '''"""The middle: a square of the size that its model file says."""

from pathlib import Path

from fer_spark.faces.detect import DetectorKind, ModelFile
from fer_spark.faces.geometry import Detection, FaceBox


class Middle:
    name, needs_colour, looks_at_px = "in-the-middle", False, 0

    def __init__(self, side_px):
        self.side_px = side_px

    def detect(self, picture, annotated):
        left, top = (picture.width - self.side_px) / 2, (picture.height - self.side_px) / 2
        return [Detection(FaceBox(left, top, self.side_px, self.side_px))]


def find(path):
    return Path(path) if path else None


MODEL = ModelFile(find, Path.read_bytes, "no file for the middle")
DETECTOR = DetectorKind(lambda spec: Middle(int(spec.model)), MODEL, version="2", auto_place=3)
'''


@pytest.fixture
def middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with one detector more; nothing else knows of it."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "in_the_middle.py").write_text(MIDDLE)
    monkeypatch.setattr(detectors, "__path__", [*detectors.__path__, str(folder)])
    importlib.invalidate_caches()
    yield folder
    sys.modules.pop(f"{detectors.__name__}.in_the_middle", None)


def test_every_module_of_the_folder_is_a_detector_with_help() -> None:
    files = {path.stem for path in (ROOT / "fer_spark/faces/detectors").glob("*.py")} - {"__init__"}
    assert files == {name.replace("-", "_") for name in NAMES}
    assert (AUTO, *NAMES) == DETECTORS
    for name, line in zip(NAMES, FaceSettings.introduction().splitlines()[1:], strict=True):
        assert isinstance(kind_of(name), DetectorKind)
        assert 30 < len(line) <= 120, line
        if kind_of(name).model is None:
            assert load_detector(DetectorSpec(name)).name == name


def test_auto_tries_each_that_searches_in_its_place_and_no_other() -> None:
    places = {name: kind_of(name).auto_place for name in NAMES}
    tried = [name for name, place in places.items() if place]
    assert set(tried) <= set(SEARCHING)
    assert len({places[name] for name in tried}) == len(tried) > 0
    last = max(tried, key=lambda name: places[name])
    assert kind_of(last).model is None, "auto has to end with one that is always there"


def test_a_detector_planted_in_the_folder_is_found_and_its_traits_are_used(middle: Path, tmp_path: Path) -> None:
    name, model = "in-the-middle", tmp_path / "model"
    model.write_text("20")
    with pytest.raises(ModelFileError, match="no file for the middle"):
        resolve_detector(FaceSettings(detector=name))
    settings = FaceSettings(size=("8:gray",), detector=name, detector_model=str(model), margin=0)
    spec = resolve_detector(settings)
    assert load_detector(spec).name == name
    blank = dict.fromkeys(RAW_IMAGE.names)
    (face,) = FacePreparer(settings, spec).prepare(
        {**blank, "content": jpeg(60, 40), "encoding": "file", "source_path": "a"}
    )
    assert (face["detector"], face["box_left"], face["box_top"], face["face_px"]) == (name, 20, 10, 20)
    made = resolve(settings, spec)
    assert (made.searches, made.has_model) == (True, True)
    other = resolve(settings, dataclasses.replace(spec, model=b"21"))
    assert spec.digest != dataclasses.replace(spec, model=b"21").digest
    (line,) = made.differences(other, Reuse.SHARDS, "now", "then", "--")
    assert line.startswith("--detector-model: ")
    assert Preparation.from_dict(made.to_dict()) == made


def test_a_planted_detector_is_in_the_help_and_among_the_choices(middle: Path) -> None:
    code = f"""
import fer_spark.faces.detectors as detectors
detectors.__path__.append({str(middle)!r})
from fer_spark.cli.commands import build_shards, score
for command, needed in ((build_shards, []), (score, ["--bundle", "b"])):
    words = [*needed, "--source", "images", "--input", "x", "--output", "y", "--detector", "in-the-midle"]
    assert command.main(words) == 2
    try:
        command.main(["--help"])
    except SystemExit:
        pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr.count("did you mean in-the-middle?") == 2
    assert "  in-the-middle  The middle: a square of the size that its model file says.\n" in done.stdout
    assert done.stdout.count("in-the-middle,none,") == 2


def test_no_module_asks_for_the_name_of_a_detector() -> None:
    assert decisions_in(ROOT, SEARCHING) == {}, "give DetectorKind a trait instead"
