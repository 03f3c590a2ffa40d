"""The bundles that come with the package: what they say of themselves is so."""

from __future__ import annotations

import csv
import io
import json
import os
import tomllib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from fer_spark.explaining.lime import Face, explain
from fer_spark.explaining.settings import LimeSettings
from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.settings import FaceSettings
from fer_spark.labels import TAXONOMIES
from fer_spark.networks.build import rebuild_network
from fer_spark.networks.bundle import load_bundle, shipped_bundles
from fer_spark.networks.parameters import parameter_count
from fer_spark.rows import RAW_IMAGE

FOLDERS = Path(str(files("fer_spark") / "pretrained"))
BUNDLES = {"fer2013": (10e6, 3e6), "fer2013-tiny": (2e6, 0.5e6)}
"""Each with the bytes and the parameters that it may have."""
each = pytest.mark.parametrize("name", BUNDLES)


def test_all_that_are_shipped_are_tested() -> None:
    assert shipped_bundles() == sorted(BUNDLES)


@each
def test_it_works_out_of_the_box(name: str) -> None:
    bundle = load_bundle(name)
    assert bundle.labels == list(TAXONOMIES["fer2013"].names)
    faces = np.random.default_rng(0).integers(0, 256, (3, 48, 48)).astype(np.uint8)
    found = bundle.predict_proba(faces)
    assert (found.shape, found.dtype) == ((3, 7), np.float32)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    most_bytes, most_parameters = BUNDLES[name]
    assert sum(file.stat().st_size for file in (FOLDERS / name).iterdir()) <= most_bytes
    assert parameter_count(rebuild_network(bundle.card.network, bundle.card.arguments)) <= most_parameters


@each
def test_it_was_made_by_the_recipe_beside_it(name: str) -> None:
    recipe = tomllib.loads((FOLDERS / name / "recipe.toml").read_text())
    asked = {key: value for table in recipe.values() for key, value in table.items()}
    asked.pop("half_weights")
    training = load_bundle(name).card.training
    assert [one["name"] for one in training["teachers"]] == training["train"]["distill"]
    used = {key: value for group in ("read", "network", "train", "augment") for key, value in training[group].items()}
    assert {key: used[key] for key in asked} == asked
    log = [json.loads(line) for line in (FOLDERS / name / "metrics.jsonl").read_text().splitlines()]
    assert log == training["history"]
    assert training["train"]["epochs"] == len(log)


@each
def test_the_page_says_what_the_card_says(name: str) -> None:
    page, card = (FOLDERS / name / "MODEL_CARD.md").read_text(), load_bundle(name).card
    main = card.metrics["measured"]["val"]["scores"][0]
    for figure in (main["accuracy"], main["balanced_accuracy"], main["macro"]["f1"]):
        assert f"{figure:.4f}" in page
    for text in (card.intended_use, card.limits, card.law):
        assert len(text) > 100
        assert text in page


@pytest.fixture(scope="module")
def astronaut() -> npt.NDArray[np.uint8]:
    """scikit-image's photograph, prepared as the card says, by the detector that needs no download: (48, 48)."""
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).save(buffer, "PNG")
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in load_bundle("fer2013").card.preparation.items()}
    row = dict.fromkeys(RAW_IMAGE.names) | {"source_path": "a.png", "content": buffer.getvalue(), "encoding": "file"}
    (face,) = FacePreparer(FaceSettings(**settings), DetectorSpec("haar")).prepare(row)
    return np.frombuffer(face["image_48_gray"], np.uint8).reshape(48, 48)


@each
def test_the_astronaut_is_happy(name: str, astronaut: npt.NDArray[np.uint8]) -> None:
    bundle = load_bundle(name)
    found = bundle.predict_proba(astronaut[None])[0]
    assert bundle.labels[int(found.argmax())] == "happy"
    assert found.max() > 0.8


@pytest.mark.parametrize("hide", ["gray", *(pytest.param(how, marks=pytest.mark.job) for how in ("blur", "mean"))])
def test_it_is_the_mouth_that_makes_her_happy(astronaut: npt.NDArray[np.uint8], hide: str) -> None:
    """The photograph's mouth lies at rows 33-40 and columns 15-32 of the prepared face."""
    bundle, settings = load_bundle("fer2013"), LimeSettings(samples=400, views="single", hide=hide)
    mean = tuple(bundle.card.mean)
    (grid,) = explain([Face("astronaut", astronaut, None)], bundle, settings, mean)
    heat = grid.model.weights[grid.segmentation.map]
    assert heat[33:40, 15:32].mean() > 2 * np.abs(heat).mean()
    assert np.unravel_index(heat.argmax(), heat.shape)[0] in range(32, 41)
    named = replace(settings, segments="landmarks")
    (parts,) = explain([Face("astronaut", astronaut, None)], bundle, named, mean)
    assert parts.segmentation.names is not None
    assert parts.segmentation.names[int(parts.model.weights.argmax())] == "mouth"


@pytest.mark.data
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("name", "least"),
    [pytest.param(name, least, marks=pytest.mark.job) for name, least in (("fer2013", 0.70), ("fer2013-tiny", 0.68))],
)
def test_the_card_tells_its_accuracy_on_publictest(name: str, least: float) -> None:
    """Above a minute: all 3,589 pictures of PublicTest, and their mirror images, through the shipped model."""
    folder = os.environ.get("FER_SPARK_DATA")
    if not folder:
        pytest.skip("FER_SPARK_DATA is not set")
    pixels, labels = [], []
    with pa.CompressedInputStream(str(Path(folder) / "fer2013.csv.zst"), "zstd") as stream:
        for row in csv.DictReader(io.TextIOWrapper(stream, encoding="ascii")):
            if row["Usage"] == "PublicTest":
                pixels.append(np.array(row["pixels"].split(), np.uint8).reshape(48, 48))
                labels.append(int(row["emotion"]))
    bundle = load_bundle(name)
    right = bundle.predict_proba(np.stack(pixels)).argmax(axis=1) == np.array(labels)
    told = bundle.card.metrics["measured"]["val"]["scores"][0]
    assert told["accuracy"] >= least
    assert told["rows"] == len(labels) == 3589
    assert right.mean() == pytest.approx(told["accuracy"], abs=5 / 3589)  # another machine may round otherwise
