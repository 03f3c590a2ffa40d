"""An exploration as one page that opens anywhere, without network: advice, charts, and every table to download."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fer_spark.exploration import ALL, NO_SPLIT, SECTIONS, Advice, Exploration, Figures, Section, picture_name
from fer_spark.reports.exploration.cells import Table, label_name, shown, table
from fer_spark.reports.exploration.draw import Drawing
from fer_spark.reports.exploration.parts import Part, parts_of
from fer_spark.reports.pages import data_uri, environment

_URGENCY = {"problem": 0, "warning": 1, "note": 2}


@dataclass(frozen=True)
class Block:
    """One part of the page. A block without `table` shows again what `source` has."""

    anchor: str
    title: str
    notes: tuple[str, ...]
    drawings: tuple[Drawing, ...]
    layout: str
    table: Table | None
    source: str
    empty: bool = False


@dataclass(frozen=True)
class Chapter:
    """A section as shown: its blocks, and one line for each thing that is missing."""

    name: str
    title: str
    blocks: tuple[Block, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Faces:
    """Pictures of one class: addresses of its mean face and its contact sheet, empty where there is none."""

    label: str
    mean: str
    sheet: str


def exploration_page(exploration: Exploration) -> str:
    """One HTML document with charts, pictures and tables inside it; it fetches nothing and runs no script.

    Tables that the exploration lacks are named in one line with the way to get them; unknown ones are shown as they
    are. Every text is escaped.
    """
    return (
        environment()
        .get_template("exploration.html")
        .render(
            exploration=exploration,
            cards=list(_cards(exploration)),
            advice=[
                (advice, _place(exploration, advice))
                for advice in sorted(exploration.advice, key=lambda advice: _URGENCY.get(advice.level, 3))
            ],
            chapters=[_chapter(exploration, section) for section in SECTIONS],
            faces=_faces(exploration),
        )
    )


def _chapter(exploration: Exploration, section: Section) -> Chapter:
    own = [figures for figures in exploration.tables if figures.section == section.name]
    if not own:
        faces = section.name == "pictures" and exploration.pictures
        return Chapter(section.name, section.title, (), () if faces else (section.missing,))
    blocks: list[Block] = []
    missing: list[str] = []
    for part in parts_of(section):
        figures = exploration.table(part.table)
        if figures is not None and (not part.heading or _drawable(part, figures)):
            blocks.append(_block(part, figures))
        elif figures is None and part.missing:
            missing.append(part.missing)
    blocks += [_block(Part(figures.name), figures) for figures in own if figures.name not in section.tables]
    return Chapter(section.name, section.title, tuple(blocks), tuple(missing))


def _block(part: Part, figures: Figures) -> Block:
    drawings = part.draw(figures) if part.draw is not None and _drawable(part, figures) else []
    if part.heading:
        return Block(f"{part.table}-by-split", part.heading, (), tuple(drawings), part.layout, None, figures.title)
    notes = tuple(note for note in (figures.note, part.note if drawings else "") if note)
    return Block(
        part.table, figures.title, notes, tuple(drawings), part.layout, table(figures), "", empty=not figures.rows
    )


def _drawable(part: Part, figures: Figures) -> bool:
    """Whether the charts have what they read: the columns, at least one row, and splits where splits are compared."""
    if not figures.rows or not set(part.needs) <= set(figures.columns):
        return False
    return not part.heading or len({*figures.column("split")} - {ALL}) > 1


def _place(exploration: Exploration, advice: Advice) -> str:
    """The title of the table behind an advice; empty where the page has none of that name."""
    figures = exploration.table(advice.table)
    return figures.title if figures is not None else ""


def _cards(exploration: Exploration) -> Iterator[tuple[str, str, str]]:
    """Figures to begin with: name, figure, table."""
    summary = exploration.table("categories_summary")
    for row in summary.where(split=ALL)[:1] if summary is not None and "split" in summary.columns else []:
        names = {
            "rows": "rows",
            "classes": "classes",
            "imbalance_ratio": "largest to smallest class",
            "effective_classes": "effective classes",
        }
        for column, words in names.items():
            if row.get(column) is not None:
                value = row[column]
                figure = f"{value:.3g}" if isinstance(value, float) and value < 1000 else shown(column, value)
                yield words, figure + (" : 1" if column == "imbalance_ratio" else ""), "categories_summary"
    sizes = exploration.table("splits_sizes")
    if sizes is not None and "split" in sizes.columns:
        yield "splits", str(sum(1 for split in sizes.column("split") if split != NO_SPLIT)), "splits_sizes"


def _faces(exploration: Exploration) -> list[Faces]:
    """Mean faces and contact sheets by class, in the order of the table of categories."""
    categories = exploration.table("categories")
    labels = [str(label) for label in dict.fromkeys(categories.column("label"))] if categories is not None else []
    names = {picture_name(kind, label): (kind, label) for label in labels for kind in ("mean", "faces")}
    for name in sorted(set(exploration.pictures) - set(names)):
        kind, _, label = name.partition("_")
        names[name] = (kind, label)
    found: dict[str, dict[str, str]] = {}
    for name, (kind, label) in names.items():
        if name in exploration.pictures:
            found.setdefault(label, {})[kind] = data_uri(exploration.pictures[name])
    return [Faces(label_name(label), kinds.get("mean", ""), kinds.get("faces", "")) for label, kinds in found.items()]
