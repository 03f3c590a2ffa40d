"""What tests of the ready-made files share: a command line as such a file has it, read by the command's own parser."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

from fer_spark.cli import COMMANDS
from fer_spark.cli.flags import settings_from
from fer_spark.cli.run import Given
from fer_spark.pipelines.report.settings import ReportSettings
from fer_spark.scoring.settings import ScoreSettings

ROOT = Path(__file__).parent.parent.parent
DOCKER = ROOT / "docker"
_SETTINGS: dict[str, Any] = {"score": ScoreSettings, "report": ReportSettings}


def parsed(words: list[str]) -> argparse.Namespace:
    """`words` begin with the subcommand. AssertionError for a flag or a value that it does not have."""
    name, arguments = words[0], words[1:]
    assert name in COMMANDS, f"no command {name}"
    command = importlib.import_module(COMMANDS[name][0]).COMMAND
    try:
        found: argparse.Namespace = command.parser().parse_args(arguments)
    except SystemExit as end:
        raise AssertionError(f"fer-spark {' '.join(words)}: refused") from end
    command.check_fields(Given(found, arguments))
    settings_from(found, _SETTINGS[name]).check()
    return found
