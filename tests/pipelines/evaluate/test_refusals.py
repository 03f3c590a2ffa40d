"""What `fer-spark evaluate` refuses, what it says then, and what it leaves behind when it fails."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fsspec.registry import _registry

from fer_spark.cli.commands.evaluate import main
from fer_spark.pipelines.evaluate import output as evaluate_output
from fer_spark.shards.manifest import NAME
from fer_spark.shards.petastorm import compat as petastorm_compat
from tests.pipelines.evaluate.evaluations import (
    COLUMN,
    DARK,
    FACES,
    TRAIN,
    VAL,
    Row,
    figures,
    run,
    write_bundle,
    write_shards,
)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return write_shards(tmp_path / "shards", {"train": TRAIN, "val": VAL}, ["angry", "happy", "sad"])


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle", ["sad", "angry", "happy"])


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures alone, for tests that are about them."""
    monkeypatch.setattr(evaluate_output, "write_evaluation", lambda directory, report: [])


@pytest.mark.usefixtures("no_pictures")
def test_a_class_that_only_one_side_has_is_an_error_until_it_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [*VAL, Row("fear", DARK, "g"), Row("fear", DARK, "h"), Row("sad", 245, "i")]
    shards = write_shards(tmp_path / "shards", {"val": rows}, ["fear", "angry", "happy", "sad"])
    bundle = write_bundle(tmp_path / "bundle", ["contempt", "sad", "angry", "happy"])
    assert run(bundle, shards, tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "only the shards have fear (2 pictures); only the bundle has contempt" in said
    assert "--map-labels" in said
    assert not (tmp_path / "out").exists()
    assert run(bundle, shards, tmp_path / "out", "--map-labels", "--views", "single") == 0
    found = figures(tmp_path / "out")
    assert found["label_names"] == ["angry", "happy", "sad"]
    assert found["left_out_classes"] == {"only_in_shards": ["fear"], "only_in_bundle": ["contempt"]}
    assert found["rows"]["class_unknown_to_bundle"] == 2
    assert found["rows"]["evaluated"] == 10
    assert found["scores"]["accuracy"] == pytest.approx(8 / 10)  # 245 is contempt, then sad
    last = pq.read_table(tmp_path / "out" / "predictions.parquet").to_pylist()[-1]
    assert sum(last["probabilities"]) == pytest.approx(1)
    assert last["predicted"] == "sad"


@pytest.mark.usefixtures("no_pictures")
def test_another_spelling_is_named_and_matched_on_request(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = write_bundle(tmp_path / "spelt", ["sad", "anger", "happy"])
    assert run(bundle, shards, tmp_path / "out") == 2
    assert "angry and anger are one expression" in capsys.readouterr().err
    assert run(bundle, shards, tmp_path / "out", "--map-labels", "--views", "single") == 0
    assert figures(tmp_path / "out")["scores"]["accuracy"] == pytest.approx(7 / 9)


def test_pictures_prepared_otherwise_are_refused_until_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = FACES | {"detector": "haar"}  # a margin is around a face that was found
    settings = {"faces": found, "detector": {"name": "haar"}}
    shards = write_shards(
        tmp_path / "shards", {"train": TRAIN, "val": VAL}, ["angry", "happy", "sad"], settings=settings
    )
    preparation = found | {"photometric": "clahe", "margin": 0.2, "max_megapixels": 3.0, "size": ["8:gray:png"]}
    bundle = write_bundle(tmp_path / "other", ["sad", "angry", "happy"], preparation=preparation)
    assert run(bundle, shards, tmp_path / "out") == 2
    said = capsys.readouterr().err
    for line in (
        "margin: 0.1 in the shards, 0.2 for the bundle",
        "photometric: none in the shards, clahe for the bundle",
        "codec: raw in the shards, png for the bundle",
        "--force",
    ):
        assert line in said
    assert "megapixels" not in said
    assert not (tmp_path / "out").exists()
    assert run(bundle, shards, tmp_path / "out", "--force") == 0
    assert len(figures(tmp_path / "out")["preparation_differences"]) == 3
    assert "Measured by force" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_what_does_not_fit_or_is_not_there_is_wrong_usage_with_the_next_step(
    bundle: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((shards / NAME).read_text())
    manifest["images"] = {"image_48_gray": manifest["images"][COLUMN] | {"size_px": 48, "shape": [48, 48]}}
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / NAME).write_text(json.dumps(manifest))
    cases: list[tuple[list[str], str]] = [
        (["--shards", str(tmp_path / "large")], "build them with --size 8:gray"),
        (["--shards", str(tmp_path)], "no _manifest.json"),
        (["--split", "test"], "no split 'test'; there are: train, val"),
        (["--bundle", str(tmp_path / "none")], "no such directory"),
        (["--image-column", "image_9_gray"], "--image-column image_9_gray is not that"),
        (["--output", "s3://lake/out"], "expected a local directory"),
        (["--batch-size", "0"], "--batch-size: 0, expected 1 or more"),
        (["--device", "gpu"], "'gpu', expected auto, cpu, cuda or cuda:1"),
        (["--device", "cuda:99"], "device: cuda:99 is requested"),
        (["--device", "vulkan"], "device: vulkan is requested"),
    ]
    for words, message in cases:
        assert run(bundle, shards, tmp_path / "out", *words) == 2, words
        assert message in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
    assert main(["--shards", str(shards)]) == 2
    assert "--bundle is missing" in capsys.readouterr().err


def test_a_storage_whose_package_is_missing_is_wrong_usage(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    monkeypatch.delitem(_registry, "gs", raising=False)  # where another test has loaded it
    assert run(bundle, Path("gs://lake/shards"), tmp_path / "out", "--shards", "gs://lake/shards") == 2
    said = capsys.readouterr().err
    assert "gs://lake/shards: Python has no client for gs://; pip install gcsfs" in said


def test_without_petastorm_it_says_how_to_install_it(
    bundle: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}: pip install --no-deps petastorm")

    monkeypatch.setattr(petastorm_compat, "load", missing)
    assert run(bundle, shards, tmp_path / "out") == 2
    assert "pip install --no-deps petastorm" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_pictures")
def test_an_earlier_evaluation_is_replaced_only_on_request_and_foreign_files_never(
    bundle: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    assert run(bundle, shards, output) == 0
    assert run(bundle, shards, output) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(bundle, shards, output, "--overwrite") == 0
    (output / "thesis.tex").write_text("ten years of work")
    assert run(bundle, shards, output, "--overwrite") == 2
    assert "thesis.tex" in capsys.readouterr().err
    assert (output / "thesis.tex").exists()


def test_a_failure_leaves_what_was_there_before_and_nothing_else(
    bundle: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "results" / "out"

    def full(directory: Path, report: object) -> list[Path]:
        (directory / "confusion.png").write_bytes(b"half")
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(evaluate_output, "write_evaluation", full)
        assert run(bundle, shards, output) == 1
    assert "no space left" in capsys.readouterr().err
    assert list(output.parent.iterdir()) == []
    monkeypatch.setattr(evaluate_output, "write_evaluation", lambda directory, report: [])
    assert run(bundle, shards, output) == 0
    before = (output / "metrics.json").read_bytes()
    monkeypatch.setattr(evaluate_output, "write_evaluation", full)
    assert run(bundle, shards, output, "--overwrite", "--seed", "5") == 1
    assert (output / "metrics.json").read_bytes() == before
    assert [path.name for path in output.parent.iterdir()] == ["out"]


def test_a_bug_while_measuring_is_not_called_wrong_usage(
    bundle: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(directory: Path, report: object) -> list[Path]:
        raise ValueError("operands could not be broadcast together")

    monkeypatch.setattr(evaluate_output, "write_evaluation", broken)
    with pytest.raises(ValueError, match="broadcast"):
        run(bundle, shards, tmp_path / "out")


@pytest.mark.usefixtures("no_pictures")
def test_a_failure_between_the_two_renames_puts_the_earlier_evaluation_back(
    bundle: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "results" / "out"
    assert run(bundle, shards, output) == 0
    before = (output / "metrics.json").read_bytes()
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name.endswith(".new"):
            raise OSError("device was removed")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    assert run(bundle, shards, output, "--overwrite", "--seed", "5") == 1
    assert (output / "metrics.json").read_bytes() == before
    assert [path.name for path in output.parent.iterdir()] == ["out"]


def test_a_damaged_shard_fails_by_name_and_writes_nothing(
    bundle: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = shards / "split=val" / "part-1.parquet"
    content = bytearray(damaged.read_bytes())
    content[-40:] = bytes(40)
    damaged.write_bytes(content)
    assert run(bundle, shards, tmp_path / "out") == 1
    assert "split=val/part-1.parquet" in capsys.readouterr().err.replace("\n", "")
    assert not (tmp_path / "out").exists()


def test_shards_without_labels_or_val_are_refused_with_the_remedy(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = write_shards(tmp_path / "bare", {"val": [replace(row, label=None) for row in VAL]}, [])
    assert run(bundle, bare, tmp_path / "out") == 2
    assert "were built without labels" in capsys.readouterr().err
    valless = write_shards(tmp_path / "valless", {"train": TRAIN}, ["angry", "happy", "sad"])
    assert run(bundle, valless, tmp_path / "out") == 2
    assert "--val-from train" in capsys.readouterr().err


def test_a_split_without_labels_is_an_error(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [replace(row, label=None) for row in VAL]
    shards = write_shards(tmp_path / "shards", {"val": rows}, ["angry", "happy", "sad"])
    assert run(bundle, shards, tmp_path / "out") == 1
    assert "none of its pictures has a label" in capsys.readouterr().err
