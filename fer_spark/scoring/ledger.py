"""What has been scored, with which model, into which files: one small entry per commit, written last.

    batches/000007.json     commit number 7: its key, its data files, what it came to
    batches/000007.claim    some run was about to write what commit number 7 would name
    seen/000007-…/          Parquet: the pictures that it accounts for (rows.SEEN)

A data file that no entry names was left by a killed run: `strays` names them, and they are removed before anything
else is written. Before that `fence` takes the number that their run had reserved: should it live after all, its commit
fails. A number is reserved by one run and committed once, whatever two runs believe of the lease, so that nothing is
lost or doubled where the storage can create a file on condition that there is none.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from fer_spark.scoring.figures import Figures

if TYPE_CHECKING:
    from fer_spark.artifacts import Storage

ENTRIES, SEEN_DIRECTORY = "batches", "seen"
_STATE = "ledger.json"


class LedgerError(Exception):
    """The ledger is damaged, or belongs to another output."""


@dataclass(frozen=True)
class Key:
    """Pictures are known by content and this: another model, preparation or salt scores everything anew."""

    model: str
    preparation: str
    salt_tag: str = ""


@dataclass(frozen=True)
class Entry:
    """One commit. `files` are relative to the output, `seen` to the ledger, `explanations` to the output's books.

    Without `seen` it is a fence: its number is taken, and nothing was scored.
    """

    batch: int
    key: Key
    files: list[str]
    seen: str
    figures: Figures
    explanations: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str, where: str) -> Entry:
        """Raises LedgerError naming the file."""
        try:
            content = json.loads(text)
            content["key"] = Key(**content["key"])
            content["figures"] = Figures.from_dict(content["figures"])
            return cls(**content)
        except (KeyError, TypeError, ValueError) as error:
            raise LedgerError(f"{where}: not an entry of a fer_spark ledger, or damaged ({error})") from error


class Ledger:
    """The entries below one checkpoint directory. Only the owner of the lease writes."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._id = ""
        self.entries = self._read()

    def bind(self, output: str, form: str, occupied: bool, given: str = "") -> None:
        """Tie the ledger to its output, once; `occupied`: data lies there already. `given`: the output as the user
        spells it, which is what older ledgers noted.

        Raises LedgerError if it keeps the books of another output, is new and the data is not its own, or is damaged.
        """
        text = self._storage.read_text(_STATE)
        state = {} if text is None else self._state(text)
        if text is None:
            if occupied:
                raise LedgerError(
                    f"{output} holds data that the new ledger {self._storage.root} does not know: give the "
                    "--checkpoint that belongs to it, or another --output"
                )
            state = {"id": uuid.uuid4().hex[:8], "output": output, "format": form}
            if not self._storage.create_text(_STATE, json.dumps(state, indent=1)):  # by another, in this moment
                self.bind(output, form, occupied, given)
                return
        elif state["output"] not in (output, given) or state["format"] != form:
            raise LedgerError(
                f"{self._storage.root} is the ledger of {state['output']} ({state['format']}), not of {output} "
                f"({form}): give each output its own --checkpoint"
            )
        self._id = state["id"]

    def new_name(self, batch: int) -> str:
        """For what the next commit writes: unlike any name before, and known as this ledger's."""
        return f"{batch:06d}-{self._id}-{uuid.uuid4().hex[:8]}"

    @property
    def root(self) -> str:
        return self._storage.root

    @property
    def next_batch(self) -> int:
        return max((entry.batch for entry in self.entries), default=0) + 1

    def of(self, key: Key) -> list[Entry]:
        """Entries made with the same model, preparation and salt."""
        return [entry for entry in self.entries if entry.key == key and entry.seen]

    def figures(self) -> Figures:
        """Of all commits together."""
        return sum((entry.figures for entry in self.entries), Figures())

    def reserve(self, batch: int) -> None:
        """To be called before anything is written for a commit. Raises LedgerError where another run has its number."""
        path = f"{ENTRIES}/{batch:06d}"
        if not self._storage.create_text(f"{path}.claim", uuid.uuid4().hex) or self._storage.exists(f"{path}.json"):
            raise LedgerError(self._overtaken(batch))

    def reserved(self) -> bool:
        """Whether some run has reserved the next number."""
        return self._storage.exists(f"{ENTRIES}/{self.next_batch:06d}.claim")

    def commit(self, entry: Entry) -> None:
        """The moment from which a batch counts. Raises LedgerError for a number that is taken."""
        path = f"{ENTRIES}/{entry.batch:06d}.json"
        if not self._storage.create_text(path, entry.to_json()):
            raise LedgerError(self._overtaken(entry.batch))
        self.entries.append(entry)

    def check_latest(self) -> None:
        """Raise LedgerError where another run has committed since this one opened the ledger."""
        if self._storage.exists(f"{ENTRIES}/{self.next_batch:06d}.json"):
            raise LedgerError(self._overtaken(self.next_batch))

    def fence(self, key: Key) -> None:
        """Take the next number, so that a run that was taken for dead cannot. Raises LedgerError where it just did."""
        self.commit(Entry(self.next_batch, key, [], "", Figures()))

    @property
    def fences(self) -> list[int]:
        """Numbers that were taken so; what lies in the output under one of them does not count."""
        return [entry.batch for entry in self.entries if not entry.seen]

    def strays(self, data_files: Iterable[str]) -> list[str]:
        """Those of an output's files that this ledger's runs wrote and that no entry names."""
        ours = re.compile(rf"(.*/)?batch-\d{{6}}-{self._id}-[0-9a-f]{{8}}\.[a-z]+")
        named = {file for entry in self.entries for file in (*entry.files, *entry.explanations)}
        return sorted(file for file in data_files if ours.fullmatch(file) and file not in named)

    def lost(self, data_files: Iterable[str]) -> list[str]:
        """Data files that entries name and that are not among an output's."""
        return sorted({file for entry in self.entries for file in entry.files} - set(data_files))

    def stray_seen(self) -> list[str]:
        """Directories of seen pictures that no entry names."""
        named = {entry.seen for entry in self.entries}
        found = {"/".join(file.path.split("/")[:2]) for file in self._storage.list_files(SEEN_DIRECTORY)}
        return sorted(found - named)

    def finished(self, key: Key, fingerprint: str) -> bool:
        """Whether the last run that came to its end had this key, on input with this fingerprint."""
        return self._storage.read_text("finished.json") == _finished(key, fingerprint)

    def finish(self, key: Key, fingerprint: str) -> None:
        self._storage.publish_text("finished.json", _finished(key, fingerprint))

    def _overtaken(self, batch: int) -> str:
        return (
            f"{self._storage.uri(ENTRIES)}: another run has written batch {batch}; nothing is lost, what this run had "
            "not committed yet is scored by the next"
        )

    def _state(self, text: str) -> dict[str, str]:
        """Raises LedgerError naming the file."""
        try:
            content = json.loads(text)
            return {name: str(content[name]) for name in ("id", "output", "format")}
        except (KeyError, TypeError, ValueError) as error:
            raise LedgerError(f"{self._storage.uri(_STATE)}: not a fer_spark ledger, or damaged ({error!r})") from error

    def _read(self) -> list[Entry]:
        paths = [file.path for file in self._storage.list_files(ENTRIES) if file.path.endswith(".json")]
        texts: list[tuple[str, Any]] = [(path, self._storage.read_text(path)) for path in paths]
        return [Entry.from_json(text, self._storage.uri(path)) for path, text in texts if text is not None]


def _finished(key: Key, fingerprint: str) -> str:
    return json.dumps({"key": asdict(key), "fingerprint": fingerprint}, indent=1)
