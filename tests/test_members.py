"""Folders whose modules are names that users give."""

from __future__ import annotations

import importlib
import zipfile
from pathlib import Path

import pytest

from fer_spark import members


@pytest.mark.parametrize("archived", [False, True])
def test_members_are_named_and_explained_from_a_folder_and_from_a_zip_as_spark_submit_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archived: bool
) -> None:
    package = f"members_of_{'zip' if archived else 'folder'}"
    texts = {
        "__init__": '"""Two."""',
        "hugging_face": '"""The first.\n\nMore."""\nVALUE = 1',
        "jaffe": "raise ValueError",
    }
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as packed:
        for name, text in texts.items():
            packed.writestr(f"{package}/{name}.py", text)
    if not archived:
        zipfile.ZipFile(tmp_path / "p.zip").extractall(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "p.zip" if archived else tmp_path))
    folder = importlib.import_module(package)
    assert members.names(folder) == ("hugging-face", "jaffe")
    assert members.names(folder, "_") == ("hugging_face", "jaffe")
    assert members.introduction(folder, "all:") == "all:\n  hugging-face  The first.\n  jaffe         "
    assert members.member(folder, "hugging-face").VALUE == members.member(folder, "hugging_face").VALUE == 1
