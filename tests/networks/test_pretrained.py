"""The bundle that comes with the package: what it says of itself is so."""

from __future__ import annotations

import csv
import io
import json
import os
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fer_spark.faces.detect import DetectorSpec
from fer_spark.faces.prepare import FacePreparer
from fer_spark.faces.settings import FaceSettings
from fer_spark.labels import TAXONOMIES
from fer_spark.networks.bundle import load_bundle
from fer_spark.rows import RAW_IMAGE

FOLDER = Path(str(files("fer_spark") / "pretrained" / "fer2013"))


def test_it_works_out_of_the_box() -> None:
    bundle = load_bundle("fer2013")
    assert bundle.labels == list(TAXONOMIES["fer2013"].names)
    faces = np.random.default_rng(0).integers(0, 256, (3, 48, 48)).astype(np.uint8)
    found = bundle.predict_proba(faces)
    assert (found.shape, found.dtype) == ((3, 7), np.float32)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 10e6


def test_it_was_made_by_the_recipe_beside_it() -> None:
    recipe = tomllib.loads((FOLDER / "recipe.toml").read_text())
    asked = {key: value for table in recipe.values() for key, value in table.items()}
    asked.pop("half_weights")
    training = load_bundle("fer2013").card.training
    used = {key: value for group in ("read", "network", "train") for key, value in training[group].items()}
    assert {key: used[key] for key in asked} == asked
    log = [json.loads(line) for line in (FOLDER / "metrics.jsonl").read_text().splitlines()]
    assert log == training["history"]
    assert training["train"]["epochs"] == len(log)


def test_the_page_says_what_the_card_says() -> None:
    page, card = (FOLDER / "MODEL_CARD.md").read_text(), load_bundle("fer2013").card
    main = card.metrics["measured"]["val"]["scores"][0]
    for figure in (main["accuracy"], main["balanced_accuracy"], main["macro"]["f1"]):
        assert f"{figure:.4f}" in page
    for text in (card.intended_use, card.limits, card.law):
        assert len(text) > 100
        assert text in page


def test_the_astronaut_is_happy() -> None:
    """scikit-image's photograph, prepared as the card says, by the detector that needs no download."""
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).save(buffer, "PNG")
    bundle = load_bundle("fer2013")
    settings = {key: tuple(v) if isinstance(v, list) else v for key, v in bundle.card.preparation.items()}
    row = dict.fromkeys(RAW_IMAGE.names) | {"source_path": "a.png", "content": buffer.getvalue(), "encoding": "file"}
    (face,) = FacePreparer(FaceSettings(**settings), DetectorSpec("haar")).prepare(row)
    pixels = np.frombuffer(face["image_48_gray"], np.uint8).reshape(1, 48, 48)
    assert bundle.labels[int(bundle.predict_proba(pixels).argmax())] == "happy"


@pytest.mark.data
@pytest.mark.slow
def test_the_card_tells_its_accuracy_on_publictest() -> None:
    folder = os.environ.get("FER_SPARK_DATA")
    if not folder:
        pytest.skip("FER_SPARK_DATA is not set")
    pixels, labels = [], []
    with pa.CompressedInputStream(str(Path(folder) / "fer2013.csv.zst"), "zstd") as stream:
        for row in csv.DictReader(io.TextIOWrapper(stream, encoding="ascii")):
            if row["Usage"] == "PublicTest":
                pixels.append(np.array(row["pixels"].split(), np.uint8).reshape(48, 48))
                labels.append(int(row["emotion"]))
    bundle = load_bundle("fer2013")
    right = bundle.predict_proba(np.stack(pixels)).argmax(axis=1) == np.array(labels)
    told = bundle.card.metrics["measured"]["val"]["scores"][0]
    assert told["rows"] == len(labels) == 3589
    assert right.mean() == pytest.approx(told["accuracy"], abs=5 / 3589)  # another machine may round otherwise
