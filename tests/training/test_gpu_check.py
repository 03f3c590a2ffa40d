"""What `make gpu-check` runs on a GPU runs here too, at toy size: nothing of it waits for the day there is one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from fer_spark.networks.settings import NetworkSettings
from fer_spark.shards.read.reader import ReadSettings, open_shards
from tests.benchmarks import gpu, gpu_kit
from tests.benchmarks.reader import load_pictures, write_ours

SMALL = NetworkSettings(widths="4-8", blocks="1-1", stem_stride=2, squeeze_excite=False)


@pytest.fixture(scope="module", autouse=True)
def drawn() -> Iterator[None]:
    """Drawn pictures also where there are real ones, which take long to read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FER_SPARK_DATA", raising=False)
        yield


@pytest.fixture(scope="module")
def shards(drawn: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,100 drawn pictures, most of them several times: more than one mosaic holds before repeats are left out."""
    pictures, labels, _ = load_pictures(1100)
    folder = tmp_path_factory.mktemp("shards")
    write_ours(pictures, labels, folder)
    return folder


def test_shards_come_out_of_their_mosaics_as_they_went_in(shards: Path, tmp_path: Path) -> None:
    gpu_kit.pack(shards, tmp_path / "kit", "image_48_gray")
    mosaics = sorted((tmp_path / "kit").glob("*.jp2"))
    assert sum(path.stat().st_size for path in mosaics) < 512 * 48 * 48
    gpu_kit.unpack(tmp_path / "kit", tmp_path / "back")
    settings = ReadSettings(batch_size=256)
    with (
        open_shards(str(shards), "train", settings) as ours,
        open_shards(str(tmp_path / "back"), "train", settings) as theirs,
    ):
        for one, other in zip(ours.epoch(3), theirs.epoch(3), strict=True):
            for name in ("images", "labels", "rows", "real"):
                assert torch.equal(getattr(one, name), getattr(other, name)), name
    mosaics[0].write_bytes(mosaics[-1].read_bytes() if len(mosaics) > 1 else _other_mosaic())
    with pytest.raises(ValueError, match="not those that were packed"):
        gpu_kit.unpack(tmp_path / "kit", tmp_path / "again")


def _other_mosaic() -> bytes:
    import cv2

    encoded: np.ndarray = cv2.imencode(".jp2", np.zeros((32 * 48, 32 * 48), np.uint8))[1]
    return encoded.tobytes()


@pytest.mark.job
def test_every_figure_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(gpu, "NETWORKS", {"small": SMALL})
    monkeypatch.setattr(gpu, "SHIPPED", SMALL)
    monkeypatch.setattr(gpu, "BUNDLES", ("fer2013-tiny",))
    monkeypatch.setattr(gpu, "MASKS", 100)
    gpu.step(128, [32], 0.01, compiled=False)
    gpu.equal(128)
    gpu.predict(64, 0.01)
    shown = capsys.readouterr().out
    assert shown.count("img/s") == 4 + 2
    assert "bf16, graphs            from shards" in shown
    first, *others = [line.split("loss")[1] for line in shown.splitlines() if "loss by epoch" in line]
    assert others == [first] * 3
    assert shown.count("explanations/s") == 2


@pytest.mark.job  # three processes, each of which loads torch
def test_a_pupil_waits_for_its_teachers_and_falls_with_them(shards: Path, tmp_path: Path) -> None:
    words = [
        "--epochs",
        "1",
        "--widths",
        "4-8",
        "--blocks",
        "1-1",
        "--stem-stride",
        "2",
        "--val-split",
        "",
        "--device",
        "cpu",
    ]
    plan = {
        "pupil": [*words, "--distill", "{output}/teacher", "--distill-versions", "2"],
        "teacher": words,
        "broken": ["--epochs", "0"],
        "orphan": [*words, "--distill", "{output}/broken"],
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    gpu.train(str(shards), tmp_path / "plan.json", tmp_path / "out", 2)
    made = sorted(path.parent.name for path in (tmp_path / "out").glob("*/card.json"))
    assert made == ["pupil", "teacher"]
    card = json.loads((tmp_path / "out/pupil/card.json").read_text())
    assert [teacher["name"] for teacher in card["training"]["teachers"]] == ["teacher"]
