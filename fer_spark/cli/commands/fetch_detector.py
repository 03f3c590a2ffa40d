"""`fer-spark fetch-detector`: bring YuNet's model file into the user's cache, its checksum checked."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark.cli.run import OK, Command, CommandError, Given
from fer_spark.settings import option

_DESCRIPTION = """Bring the YuNet face detector (MIT licence, 230 kB) into your cache; its SHA-256 is pinned.
Without network: copy the file and pass it as --detector-model, or put it where $FER_SPARK_MODELS points."""


@dataclass(frozen=True)
class FetchSettings:
    """Flags of `fer-spark fetch-detector`."""

    url: str = option(
        "", "another place to take the same file from; empty: OpenCV's own repository", metavar="URL", path=True
    )


def _check(given: Given) -> None:
    """Any place will do."""


def _run(given: Given) -> int:
    from fer_spark.faces.model_file import ModelFileError, fetch_model

    try:
        print(fetch_model(given.of(FetchSettings).url or None))
    except ModelFileError as error:
        raise CommandError(str(error)) from error
    return OK


COMMAND = Command("fetch-detector", _DESCRIPTION, ((FetchSettings, "model"),), _check, _run, failed="")
main = COMMAND.main
