"""Pillow's plugins for pictures from phones, loaded when the first such picture comes."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from PIL import AvifImagePlugin, features

_PACKAGES = {
    "heif": ("pillow_heif", "pillow-heif (pip install 'fer-spark[phones]')"),
    # under GPL-3.0-or-later, and therefore in none of our extras
    "jxl": (
        "pillow_jxl.JpegXLImagePlugin",
        "pillow-jxl-plugin (pip install pillow-jxl-plugin; its licence is the GPL)",
    ),
}
_THREADS = 1
"""Of one picture: Spark's tasks keep the cores busy."""


@cache
def missing_plugin(kind: str) -> str | None:
    """Make Pillow read a format. Returns None, or what has to be done for it."""
    if kind == "avif":
        AvifImagePlugin.DEFAULT_MAX_THREADS = _THREADS
        return None if features.check("avif") else "install a Pillow that is built with AVIF"
    if kind == "jpeg2000":
        return None if features.check("jpg_2000") else "install a Pillow that is built with JPEG 2000"
    if kind not in _PACKAGES:
        return None
    module, package = _PACKAGES[kind]
    try:
        plugin: Any = importlib.import_module(module)
    except ImportError:
        return f"install {package}"
    if kind == "heif":
        plugin.options.DECODE_THREADS = _THREADS
        plugin.register_heif_opener()
    else:
        plugin.DECODE_THREADS = 0  # no threads but the caller's
    return None
