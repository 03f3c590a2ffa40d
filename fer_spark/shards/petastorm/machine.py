"""Runs the program that a pickle of protocol 4 or 5 is, without its power: names and calls go to a closed list."""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_STARTS = (b"\x80\x04", b"\x80\x05")
_OLD = (
    "the dataset's metadata is no pickle of protocol 4 or 5, as Petastorm writes under Python 3.8 and later: refused, "
    "nothing was run. Generate the metadata again (petastorm-generate-metadata.py)"
)


class UnsafePickleError(ValueError):
    """A dataset carries a pickle that is no plain Petastorm schema; nothing of it was run."""


@dataclass(frozen=True)
class ClosedList:
    """`known(module, name)` is what a name stands for, `make(what, arguments)` a new object of it, `with_state(object,
    state)` that object with its attributes set. Each raises UnsafePickleError for what is not on the list.
    """

    known: Callable[[str, str], Any]
    make: Callable[[Any, tuple[Any, ...]], Any]
    with_state: Callable[[Any, Any], Any]


class Machine:
    """Runs one pickle of protocol 4 or 5; older ones are refused."""

    def __init__(self, allowed: ClosedList) -> None:
        self.allowed = allowed
        self.stack: list[Any] = []
        self._memo: list[Any] = []

    def run(self, content: bytes) -> Any:
        """The object that the pickle describes. Raises UnsafePickleError, or what a damaged stream leads to."""
        if content[:2] not in _STARTS:
            raise UnsafePickleError(_OLD)
        for opcode, argument, _ in pickletools.genops(content):
            name = opcode.name
            if name == "STOP":
                return self.stack.pop()
            if name in _LITERALS:
                self.stack.append(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name]())
            elif name in _STEPS:
                _STEPS[name](self, argument)
            elif name == "MEMOIZE":
                self._memo.append(self.stack[-1])
            elif name in ("BINGET", "LONG_BINGET"):
                self.stack.append(self._memo[int(argument or 0)])
            elif name not in ("PROTO", "FRAME"):
                raise UnsafePickleError(f"the schema pickle uses {name}, which no schema needs")
        raise UnsafePickleError("the schema pickle ends too early")

    def until_mark(self) -> list[Any]:
        """What was pushed since the last mark, taken off with it."""
        place = max(index for index, value in enumerate(self.stack) if value is _MARK)
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def last(self, count: int) -> tuple[Any, ...]:
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        return items

    def top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise UnsafePickleError(f"the schema pickle fills a {type(self.stack[-1]).__name__}")
        return self.stack[-1]


_MARK = object()


def _name(machine: Machine, _: Any) -> None:
    module, name = machine.last(2)
    machine.stack.append(machine.allowed.known(str(module), str(name)))


def _call(machine: Machine, _: Any) -> None:
    what, arguments = machine.last(2)
    machine.stack.append(machine.allowed.make(what, tuple(arguments)))


def _build(machine: Machine, _: Any) -> None:
    instance, state = machine.last(2)
    machine.stack.append(machine.allowed.with_state(instance, state))


def _append(machine: Machine, items: list[Any] | tuple[Any, ...]) -> None:
    machine.top(list).extend(items)


def _add(machine: Machine, items: list[Any]) -> None:
    machine.top(set).update(items)


def _set(machine: Machine, items: list[Any] | tuple[Any, ...]) -> None:
    machine.top(dict).update(zip(items[::2], items[1::2], strict=True))


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
    "MARK": lambda: _MARK,
}
_LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
_LITERALS |= {"BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES"}
_STEPS: dict[str, Callable[[Machine, Any], None]] = {
    "STACK_GLOBAL": _name,
    "REDUCE": _call,
    "NEWOBJ": _call,
    "BUILD": _build,
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.until_mark())),
    "TUPLE1": lambda machine, _: machine.stack.append(machine.last(1)),
    "TUPLE2": lambda machine, _: machine.stack.append(machine.last(2)),
    "TUPLE3": lambda machine, _: machine.stack.append(machine.last(3)),
    "APPEND": lambda machine, _: _append(machine, machine.last(1)),
    "APPENDS": lambda machine, _: _append(machine, machine.until_mark()),
    "ADDITEMS": lambda machine, _: _add(machine, machine.until_mark()),
    "SETITEM": lambda machine, _: _set(machine, machine.last(2)),
    "SETITEMS": lambda machine, _: _set(machine, machine.until_mark()),
}
