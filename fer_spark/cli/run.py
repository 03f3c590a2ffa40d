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
from fer_spark.cli.surroundings import check_machine, jvm_errors, places
from fer_spark.machine import MachineError, fault_in, storage_outage
from fer_spark.settings import check
from fer_spark.spark.connect import need_classic_settings
from fer_spark.spark.launch import start_ahead
from fer_spark.spark.session import wishes

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

    @property
    def words(self) -> list[str]:
        """Plain arguments, without a flag."""
        return list(self.parsed.words)


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
    words     name and help of the plain arguments, which have no flag; None: it takes none
    session   it begins with a Spark session: Java is looked for first, and starts while the pipeline is imported
    brief     whether the job is one of seconds, as far as can be seen without Spark; None: that cannot be seen
    anywhere  it runs on any system, to say what is missing there
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
    words: tuple[str, str] | None = None
    session: bool = False
    brief: Callable[[Given], bool] | None = None
    anywhere: bool = False

    def parser(self) -> argparse.ArgumentParser:
        """The command line, made from the settings' own fields."""
        parser = argparse.ArgumentParser(
            prog=f"fer-spark {self.name}",
            usage=f"fer-spark {self.name} {self.usage}" if self.usage else None,
            description=self.description,
            formatter_class=HelpFormatter,
            allow_abbrev=False,
        )
        if self.words:
            parser.add_argument("words", nargs="*", metavar=self.words[0], help=self.words[1])
        for settings_class, title in self.groups:
            add_flags(parser, settings_class, title)
        for action in parser._actions:
            if action.dest in dict(self.choices):
                action.metavar = shown_choices(dict(self.choices)[action.dest])
        if self.spark:
            add_spark_flags(parser, self.spark)
        return parser

    def check_fields(self, given: Given) -> None:
        """Raise ValueError naming the first setting, of any group, that its own field does not allow."""
        for settings_class, _ in self.groups:
            check(given.of(settings_class), dict(self.choices))

    def main(self, argv: Sequence[str] | None = None) -> int:
        """What `fer-spark NAME` and jobs/NAME.py call; returns the exit code. An unknown flag raises SystemExit(2)."""
        return run_command(self, argv)

    def places(self, given: Given) -> list[tuple[str, str]]:
        """The flags that name where it writes, each with its value."""
        return places(given.of(settings_class) for settings_class, _ in self.groups)


def run_command(command: Command, argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code, 2 for a value that a setting cannot have, and for what the machine lacks.

    An unknown flag raises SystemExit(2).
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    given = Given(
        parse(command.parser(), arguments, [settings_class for settings_class, _ in command.groups]), arguments
    )
    try:
        command.check_fields(given)
        code = command.check(given)
        if code is not None:
            return code
        if not command.anywhere:
            check_machine(command.places(given), given.conf if command.spark else [], command.session)
        if command.session:
            options = wishes(given.conf, given.master)
            need_classic_settings(options, command.name)
            start_ahead(options, command.brief is not None and command.brief(given))
        pipeline: Any = importlib.import_module(command.pipeline) if command.pipeline else None
    except (ValueError, MachineError) as error:
        return _show_error(command, str(error), USAGE_ERROR)
    except ImportError as error:
        if not command.needs:
            raise
        return _show_error(command, f"{error}{command.needs}", USAGE_ERROR)
    try:
        return command.run(given)
    except MachineError as error:
        return _show_error(command, str(error), USAGE_ERROR)
    except _raised_by(pipeline) as error:
        return _ended(command, pipeline, error, command.places(given))


def _raised_by(pipeline: Any) -> tuple[type[Exception], ...]:
    """What the command's run may raise that is no bug: its own errors, its pipeline's, the system's, Spark's."""
    names = ("USAGE", "JVM_FAILURES", "FAILURES")
    return (CommandError, OSError, *jvm_errors(), *(error for name in names for error in getattr(pipeline, name, ())))


def _ended(command: Command, pipeline: Any, error: Exception, written: list[tuple[str, str]]) -> int:
    """Show an error that the command's run raised; returns its exit code. Raises it again where it is a bug."""
    if outage := storage_outage(str(error)):  # before it is taken for a wrong address: schedulers do not repeat that
        return _show_error(command, outage, FAILED)
    usage = isinstance(error, getattr(pipeline, "USAGE", ()))
    fault = None if usage and not isinstance(error, OSError) else fault_in(error, written)
    if fault is not None or usage:
        return _show_error(command, fault or str(error), USAGE_ERROR)
    if isinstance(error, getattr(pipeline, "JVM_FAILURES", ())):
        from fer_spark.spark.places import first_line

        return _show_error(command, first_line(error), FAILED)
    if isinstance(error, (CommandError, *getattr(pipeline, "FAILURES", ()))):
        return _show_error(command, str(error), FAILED)
    raise error


def _show_error(command: Command, text: str, code: int) -> int:
    name = f"fer-spark {command.name}"
    head = f"[bold red]{name}{command.failed}:[/]" if code == FAILED else f"[bold]{name}:[/]"
    Console(stderr=True).print(head, escape(text), highlight=False, soft_wrap=True)
    return code
