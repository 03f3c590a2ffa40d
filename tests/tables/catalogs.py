"""Catalogs of Iceberg for tests."""

from __future__ import annotations

from pathlib import Path

import pytest


def catalog_in(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """pyiceberg's catalog named lake, as the environment of a new process would describe it.

    settings  more of it, as the ends of their variables: WAREHOUSE, S3__ENDPOINT
    """
    from pyiceberg import catalog
    from pyiceberg.utils.config import Config

    folder.mkdir(exist_ok=True)
    usual = {"URI": f"sqlite:///{folder / 'catalog.db'}", "WAREHOUSE": f"file://{folder / 'warehouse'}"}
    for name, value in (usual | settings).items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__LAKE__{name}", value)
    monkeypatch.setattr(catalog, "_ENV_CONFIG", Config())
