"""The pictures in zip archives, read as `tar` reads archives."""

from __future__ import annotations

import dataclasses

from fer_spark.sources.archives.find import TAR_NAME
from fer_spark.sources.archives.recognise import archive_match
from fer_spark.sources.archives.zip import ZIP_NAME
from fer_spark.sources.layouts.tar import LAYOUT as TAR
from fer_spark.sources.look import Look, Match


def recognise(look: Look) -> Match | None:
    """As `tar` does, where there is no tar archive."""
    return None if any(TAR_NAME.search(name) for name in look.files) else archive_match(look, ZIP_NAME, "zip")


LAYOUT = dataclasses.replace(TAR, recognise=recognise)
