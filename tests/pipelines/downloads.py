"""The four commonest downloads in miniature, drawn, each in its own form; and the label of every picture in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fer_spark.sample.drawing import FER2013_DRAWING, Drawing
from fer_spark.sample.picture import draw_face
from fer_spark.sample.write import encode
from tests.sources.lakes import write

ALPHABETICAL = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
RAF = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
"""From 1 on."""

AFFECTNET = {"angry": "anger"}
"""As Kaggle's folders and labels.csv spell it."""

Truth = dict[str, str]
"""Label by `source_path`."""


@dataclass(frozen=True)
class _Face:
    index: int
    label: str
    content: bytes

    @property
    def part(self) -> str:
        """A fifth is test."""
        return "test" if self.index % 5 == 0 else "train"


def _faces(count: int, drawing: Drawing, suffix: str = ".jpg") -> Iterator[_Face]:
    for index in range(count):
        picture = draw_face(11, index, drawing)
        yield _Face(index, picture.label, encode(picture, suffix))


def huggingface(root: Path, count: int) -> Truth:
    """FER-2013 as `datasets` pushes it: `data/train-00000-of-00001.parquet`, names of the codes in the footer alone."""
    rows: dict[str, list[_Face]] = {"train": [], "test": []}
    for face in _faces(count, FER2013_DRAWING, ".png"):
        rows[face.part].append(face)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    label = {"names": list(ALPHABETICAL), "_type": "ClassLabel"}
    write(root, {"README.md": "---\nlicence: none\n---\n", ".gitattributes": ""})
    footer = {"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}, "label": label}}})}
    truth = {}
    for part, faces in rows.items():
        name = f"data/{part}-00000-of-00001.parquet"
        (root / "data").mkdir(parents=True, exist_ok=True)
        pictures = pa.array([{"bytes": face.content, "path": f"{face.index}.png"} for face in faces], kind)
        codes = pa.array([ALPHABETICAL.index(face.label) for face in faces], pa.int64())
        pq.write_table(pa.table({"image": pictures, "label": codes}).replace_schema_metadata(footer), root / name)
        truth |= {f"{part}-00000-of-00001.parquet#{row}": face.label for row, face in enumerate(faces)}
    return truth


def kaggle_folders(root: Path, count: int) -> Truth:
    """FER-2013 as Kaggle has it: `train/angry/Training_3908.jpg`, 48 px gray."""
    faces = {}
    for face in _faces(count, FER2013_DRAWING):
        name = f"{'Training' if face.part == 'train' else 'PrivateTest'}_{face.index}.jpg"
        faces[f"{face.part}/{face.label}/{name}"] = face
    return _written(root, faces)


def rafdb_aligned(root: Path, count: int) -> Truth:
    """RAF-DB's basic part: `EmoLabel/list_patition_label.txt` beside `Image/aligned/train_00001_aligned.jpg`."""
    faces, lines, truth = {}, [], {}
    for face in _faces(count, Drawing(size_px=100, gray=False, face_fraction=(0.8, 0.95), two_faces_fraction=0)):
        name = f"{face.part}_{face.index:05d}"
        faces[f"Image/aligned/{name}_aligned.jpg"] = face
        truth[f"{name}_aligned.jpg"] = face.label
        lines.append(f"{name}.jpg {RAF.index(face.label) + 1}\n")
    write(root, {"EmoLabel/list_patition_label.txt": "".join(lines)})
    _written(root, faces)
    return truth


def affectnet_kaggle(root: Path, count: int) -> Truth:
    """AffectNet as Kaggle has it: `labels.csv` (an index, pth, label, relFCs) beside a folder per expression, 96 px; a
    few faces lie in the folder of another label than the table's."""
    faces, lines = {}, [",pth,label,relFCs\n"]
    for face in _faces(count, Drawing(size_px=96, gray=False, face_fraction=(0.8, 0.95), two_faces_fraction=0)):
        folder = "contempt" if face.index % 20 == 0 else AFFECTNET.get(face.label, face.label)
        path = f"{folder}/image{face.index:07d}.jpg"
        faces[path] = face
        lines.append(f"{face.index},{path},{AFFECTNET.get(face.label, face.label)},0.8{face.index % 100:02d}\n")
    write(root, {"labels.csv": "".join(lines)})
    return _written(root, faces)


def _written(root: Path, faces: dict[str, _Face]) -> Truth:
    write(root, {path: face.content for path, face in faces.items()})
    return {path: face.label for path, face in faces.items()}


DOWNLOADS: dict[str, Callable[[Path, int], Truth]] = {
    "huggingface": huggingface,
    "kaggle-folders": kaggle_folders,
    "rafdb-aligned": rafdb_aligned,
    "affectnet-kaggle": affectnet_kaggle,
}
"""Each writes so many pictures below a folder."""
