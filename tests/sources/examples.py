"""A small input of every layout: three pictures, one happy, two sad. A new layout needs its own here."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from fer_spark.sources.settings import SourceSettings
from tests.poison import jpeg
from tests.sources.lakes import write

LABELS = {"happy": 1, "sad": 2}
NAMED = (("a", "happy"), ("b", "sad"), ("c", "sad"))
_PIXELS = [" ".join([str(grey)] * 48 * 48) for grey in (10, 20, 30)]


def _pixel_rows(root: Path) -> Path:
    lines = [f"{code},{pixels},Training" for code, pixels in zip((3, 4, 4), _PIXELS, strict=True)]
    return write(root, {"fer2013.csv": "\n".join(["emotion,pixels,Usage", *lines, ""])}) / "fer2013.csv"


def _fer2013(root: Path) -> SourceSettings:
    return SourceSettings(input=str(_pixel_rows(root)))


def _ferplus(root: Path) -> SourceSettings:
    head = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"
    happy, sad = "Training,a.png,0,10,0,0,0,0,0,0,0,0\n", "Training,b.png,0,0,0,10,0,0,0,0,0,0\n"
    write(root, {"votes.csv": head + happy + 2 * sad})
    return SourceSettings(input=str(_pixel_rows(root)), votes=str(root / "votes.csv"))


def _named(root: Path, header: str, words: tuple[str, str], ending: str = "") -> SourceSettings:
    happy, sad = words
    lines = [header, f"a.jpg,{happy}{ending}", f"b.jpg,{sad}{ending}", f"c.jpg,{sad}{ending}", ""]
    write(root, {"list.csv": "\n".join(lines), **{f"images/{name}.jpg": _picture(name) for name in "abc"}})
    return SourceSettings(input=str(root / "list.csv"), images=str(root / "images"))


def _legend(root: Path) -> SourceSettings:
    return _named(root, "image,emotion", ("Happiness", "sadness"))


def _affectnet(root: Path) -> SourceSettings:
    return _named(root, "path,cat_emot,valence,arousal", ("1", "2"), ",0.5,0.5")


def _table(root: Path) -> SourceSettings:
    rows = [f'{{"path": "{name}.jpg", "label": "{label}"}}\n' for name, label in NAMED]
    write(root, {"list.jsonl": "".join(rows), **{f"images/{name}.jpg": _picture(name) for name, _ in NAMED}})
    return SourceSettings(input=str(root / "list.jsonl"), images=str(root / "images"))


def _folders(root: Path) -> SourceSettings:
    write(root, {f"{label}/{name}.jpg": _picture(name) for name, label in NAMED})
    return SourceSettings(input=str(root))


def _images(root: Path) -> SourceSettings:
    return SourceSettings(input=_folders(root).input, label_from="parent")


def _ckplus(root: Path) -> SourceSettings:
    words = {"happy": "happy", "sad": "sadness"}
    pictures = {f"{words[label]}/S01{i}_004_0000001{i}.png": _picture(name) for i, (name, label) in enumerate(NAMED)}
    return SourceSettings(input=str(write(root, {**pictures})))


def _expw(root: Path) -> SourceSettings:
    codes = {"happy": 3, "sad": 4}
    lines = [f"{name}.jpg 0 5 6 26 25 90.1 {codes[label]}\n" for name, label in NAMED]
    pictures = {f"image/origin/{name}.jpg": _picture(name) for name, _ in NAMED}
    write(root, {"label/label.lst": "".join(lines), **pictures})
    return SourceSettings(input=str(root))


def _jaffe(root: Path) -> SourceSettings:
    names = ("KA.HA1.29.tiff", "KA.SA1.33.tiff", "KL.SA2.34.tiff")
    return SourceSettings(input=str(write(root, {name: _picture("a") + name.encode() for name in names})))


def _kdef(root: Path) -> SourceSettings:
    names = ("AF01/AF01HAS.JPG", "AF01/AF01SAHL.JPG", "BM02/BM02SAS.JPG")
    return SourceSettings(input=str(write(root, {name: _picture("a") + name.encode() for name in names})))


def _rafdb(root: Path) -> SourceSettings:
    codes = {"happy": 4, "sad": 5}
    lines = [f"train_0000{i}.jpg {codes[label]}\n" for i, (_, label) in enumerate(NAMED)]
    pictures = {f"Image/aligned/train_0000{i}_aligned.jpg": _picture(name) for i, (name, _) in enumerate(NAMED)}
    write(root, {"EmoLabel/list_patition_label.txt": "".join(lines), **pictures})
    return SourceSettings(input=str(root))


def _tar(root: Path) -> SourceSettings:
    write_tar(root / "all.tar", {f"{label}/{name}.jpg": _picture(name) for name, label in NAMED})
    return SourceSettings(input=str(root / "all.tar"), label_from="parent")


def _webdataset(root: Path) -> SourceSettings:
    members = {}
    for name, label in NAMED:
        members |= {f"{name}.jpg": _picture(name), f"{name}.cls": label.encode()}
    write_tar(root / "000.tar", members)
    return SourceSettings(input=str(root))


def _zip(root: Path) -> SourceSettings:
    with zipfile.ZipFile(root / "all.zip", "w") as archive:
        for name, label in NAMED:
            archive.writestr(f"faces/{label}/{name}.jpg", _picture(name))
    return SourceSettings(input=str(root / "all.zip"), label_from="parent")


def _imagefolder(root: Path) -> SourceSettings:
    rows = [f'{{"file_name": "faces/{name}.jpg", "label": "{label}"}}\n' for name, label in NAMED]
    pictures = {f"train/faces/{name}.jpg": _picture(name) for name, _ in NAMED}
    write(root, {"train/metadata.jsonl": "".join(rows), **pictures})
    return SourceSettings(input=str(root))


def _yolo(root: Path) -> SourceSettings:
    codes = {"happy": 0, "sad": 1}
    texts = {f"train/labels/{name}.txt": f"{codes[label]} 0.5 0.5 0.5 0.5\n" for name, label in NAMED}
    pictures = {f"train/images/{name}.jpg": _picture(name) for name, _ in NAMED}
    write(root, {"data.yaml": "names: [Happy, Sad]\n", **texts, **pictures})
    return SourceSettings(input=str(root))


def _coco(root: Path) -> SourceSettings:
    classes = {"happy": 1, "sad": 2}
    images = [{"id": i, "file_name": f"{name}.jpg"} for i, (name, _) in enumerate(NAMED)]
    faces = [{"image_id": i, "category_id": classes[label], "bbox": [1, 1, 9, 9]} for i, (_, label) in enumerate(NAMED)]
    content = {
        "images": images,
        "annotations": faces,
        "categories": [{"id": code, "name": name} for name, code in classes.items()],
    }
    pictures = {f"train/{name}.jpg": _picture(name) for name, _ in NAMED}
    write(root, {"train/_annotations.coco.json": json.dumps(content), **pictures})
    return SourceSettings(input=str(root))


def _voc(root: Path) -> SourceSettings:
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    for name, label in NAMED:
        face = f"<object><name>{label}</name>{box}</object>"
        xml = f"<annotation><filename>{name}.jpg</filename>{face}</annotation>"
        write(root, {f"Annotations/{name}.xml": xml, f"JPEGImages/{name}.jpg": _picture(name)})
    return SourceSettings(input=str(root))


def _roboflow(root: Path) -> SourceSettings:
    rows = [f"{name}.jpg,60,40,{label},1,1,9,9\n" for name, label in NAMED]
    pictures = {f"train/{name}.jpg": _picture(name) for name, _ in NAMED}
    header = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
    write(root, {"train/_annotations.csv": header + "".join(rows), **pictures})
    return SourceSettings(input=str(root))


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    """An archive with these members, in this order."""
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _picture(name: str) -> bytes:
    return jpeg(width=ord(name))


EXAMPLES: dict[str, Callable[[Path], SourceSettings]] = {
    "affectnet": _affectnet,
    "ckplus": _ckplus,
    "coco": _coco,
    "expw": _expw,
    "fer2013": _fer2013,
    "ferplus": _ferplus,
    "folder": _folders,
    "imagefolder": _imagefolder,
    "images": _images,
    "jaffe": _jaffe,
    "kdef": _kdef,
    "legend": _legend,
    "rafdb": _rafdb,
    "roboflow": _roboflow,
    "table": _table,
    "tar": _tar,
    "voc": _voc,
    "webdataset": _webdataset,
    "yolo": _yolo,
    "zip": _zip,
}
"""By the layout's name; `source` is left to who opens it."""
