"""Catalogs of Iceberg for tests."""

from __future__ import annotations

from pathlib import Path

import pytest


def catalog_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyiceberg's catalog named lake, as the environment of a new process would describe it."""
    from pyiceberg import catalog
    from pyiceberg.utils.config import Config

    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"sqlite:///{folder / 'catalog.db'}")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__WAREHOUSE", f"file://{folder / 'warehouse'}")
    monkeypatch.setattr(catalog, "_ENV_CONFIG", Config())
