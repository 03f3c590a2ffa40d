"""What every command does: parse, check, run, exit code. A command's own module says what is its own, and no more."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape

from fer_spark.cli.flags import (
    USAGE_ERROR,
    HelpFormatter,
    add_flags,
    add_spark_flags,
    parse,
    settings_from,
    shown_choices,
)
from fer_spark.settings import check

OK, FAILED, TOO_MANY_BAD, STOPPED = 0, 1, 3, 4
S = TypeVar("S")


class CommandError(Exception):
    """A command failed; the message says why."""


@dataclass(frozen=True)
class Given:
    """What the user gave. `arguments`: the words as they came."""

    parsed: argparse.Namespace
    arguments: list[str]

    def of(self, settings_class: type[S]) -> S:
        """The settings of one of the command's groups."""
        return settings_from(self.parsed, settings_class)

    @property
    def master(self) -> str:
        return str(self.parsed.master)

    @property
    def conf(self) -> list[str]:
        return list(self.parsed.conf)


@dataclass(frozen=True)
class Command:
    """One subcommand of `fer-spark`.

    groups    settings classes, each with the title of its flags in --help
    check     raises ValueError naming the first settings that do not go together, or are missing; each for itself has
              been checked by then. Where it returns an exit code, that was all
    run       the call; returns the exit code. Raises CommandError, or what the pipeline's USAGE and FAILURES list
    pipeline  a module, imported when all settings are checked; empty: none. Of what it raises its USAGE are wrong
              usage, its FAILURES failures; of its JVM_FAILURES, if it has any, only the first line is shown
    usage     the first line of --help; empty: argparse's own
    needs     what to add to an ImportError before it is shown as wrong usage; empty: it is raised
    failed    what stands after the command's name when it failed
    spark     title of --master and --conf; empty: it has none
    choices   of flags whose settings leave them open, by the name of the field
    """

    name: str
    description: str
    groups: tuple[tuple[type, str], ...]
    check: Callable[[Given], int | None]
    run: Callable[[Given], int]
    pipeline: str = ""
    usage: str = ""
    needs: str = ""
    failed: str = " failed"
    spark: str = ""
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def parser(self) -> argparse.ArgumentParser:
        """The command line, made from the settings' own fields."""
        made = argparse.ArgumentParser(
            prog=f"fer-spark {self.name}",
            usage=f"fer-spark {self.name} {self.usage}" if self.usage else None,
            description=self.description,
            formatter_class=HelpFormatter,
            allow_abbrev=False,
        )
        for settings_class, title in self.groups:
            add_flags(made, settings_class, title)
        for action in made._actions:
            if action.dest in dict(self.choices):
                action.metavar = shown_choices(dict(self.choices)[action.dest])
        if self.spark:
            add_spark_flags(made, self.spark)
        return made

    def check_fields(self, given: Given) -> None:
        """Raise ValueError naming the first setting, of any group, that its own field does not allow."""
        for settings_class, _ in self.groups:
            check(given.of(settings_class), dict(self.choices))

    def main(self, argv: Sequence[str] | None = None) -> int:
        """What `fer-spark NAME` and jobs/NAME.py call; returns the exit code. An unknown flag raises SystemExit(2)."""
        return run_command(self, argv)


def run_command(command: Command, argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code, 2 for a value that a setting cannot have. An unknown flag raises SystemExit(2)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    given = Given(parse(command.parser(), arguments, [one for one, _ in command.groups]), arguments)
    try:
        command.check_fields(given)
        code = command.check(given)
        if code is not None:
            return code
        pipeline: Any = importlib.import_module(command.pipeline) if command.pipeline else None
    except ValueError as error:
        return _say(command, str(error), USAGE_ERROR)
    except ImportError as error:
        if not command.needs:
            raise
        return _say(command, f"{error}{command.needs}", USAGE_ERROR)
    try:
        return command.run(given)
    except getattr(pipeline, "USAGE", ()) as error:
        return _say(command, str(error), USAGE_ERROR)
    except getattr(pipeline, "JVM_FAILURES", ()) as error:
        from fer_spark.sources.lake import first_line

        return _say(command, first_line(error), FAILED)
    except (CommandError, *getattr(pipeline, "FAILURES", ())) as error:
        return _say(command, str(error), FAILED)


def _say(command: Command, text: str, code: int) -> int:
    name = f"fer-spark {command.name}"
    head = f"[bold red]{name}{command.failed}:[/]" if code == FAILED else f"[bold]{name}:[/]"
    Console(stderr=True).print(head, escape(text), highlight=False, soft_wrap=True)
    return code
