"""Raw labels to expression names, as Spark expressions; a label that cannot be used says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from fer_spark.labels import CODES, KNOWN, NO_EXPRESSION, TAXONOMIES, Taxonomy, taxonomy
from fer_spark.sources.numbering.foreign import given_codes, listed, numbering_of
from fer_spark.sources.numbering.meaning import Numbering, agreed
from fer_spark.sources.numbering.seen import NUMBER, seen_labels
from fer_spark.sources.settings import SourceError, SourceSettings

_NO_EXPRESSION_WORDS = {
    "none": "none",
    "uncertain": "uncertain",
    "no_face": "no_face",
    "no-face": "no_face",
    "no face": "no_face",
    "non-face": "no_face",
    "nonface": "no_face",
}
_FORMATS = {
    "fer2013": "FER-2013's own format",
    "affectnet8": "AffectNet's own format",
    "ferplus8": "FER+'s own format",
    "rafdb": "RAF-DB's own format",
    "expw": "ExpW's own format",
}
"""Data sets whose format says what their numbers mean, by the key of CODES."""


@dataclass(frozen=True)
class LabelRule:
    """What a raw label may be: the taxonomy's names in any known spelling, and the numbers of `codes`.

    origin        who says what the numbers mean
    pass_numbers  a number without a meaning is no label, and no reason to reject its row
    """

    taxonomy: Taxonomy
    codes: Mapping[int, str]
    keep_no_expression: bool = False
    origin: str = ""
    pass_numbers: bool = False

    @property
    def numbering(self) -> Numbering | None:
        """What numbers mean, and who says so; None where there are none."""
        return Numbering(self.codes, self.origin) if self.codes else None

    def apply(self, frame: DataFrame) -> DataFrame:
        """Adds `label` from `label_raw`, and sets `reject_reason`, `reject_detail` where they are still null."""
        frame = frame.withColumns({"_text": F.lower(F.trim("label_raw")), "_name": self.name_of(F.col("label_raw"))})
        text, name = F.col("_text"), F.col("_name")
        usable = F.coalesce(name.isin(*self.taxonomy.names), F.lit(False))
        kept = F.coalesce(name.isin("none", "uncertain"), F.lit(False)) if self.keep_no_expression else F.lit(False)
        reason = (
            F.when(usable | kept, None)
            .when(name == "no_face", "not_a_face")
            .when(name.isin("none", "uncertain"), "no_expression")
            .otherwise("bad_label")
        )
        if self.pass_numbers and not self.codes:
            usable = usable | F.coalesce(text.rlike(NUMBER), F.lit(False))
            reason = F.when(~usable, reason)
        problem = F.when(usable | kept, None).otherwise(self._problem(text, name))
        frame = frame.withColumn("label", F.when(usable, name))
        return reject(frame, reason, problem).drop("_text", "_name")

    def name_of(self, raw: Column) -> Column:
        """What a raw label stands for, in the taxonomy or not; also none, uncertain and no_face. Null if unknown."""
        text = F.lower(F.trim(raw))
        return F.coalesce(_lookup(self._words(), text), self._code(text))

    def _words(self) -> dict[str, str]:
        """Spelling, in lower case, to name."""
        words = {**KNOWN, **{name: name for name in self.taxonomy.names}}
        return {**words, **_NO_EXPRESSION_WORDS} if "no_face" in self.codes.values() else words

    def _code(self, text: Column) -> Column:
        if not self.codes:
            return F.lit(None).cast("string")
        number = F.when(text.rlike(NUMBER), text.cast("double").cast("int"))
        return _lookup({str(code): name for code, name in self.codes.items()}, number.cast("string"))

    def _problem(self, text: Column, name: Column) -> Column:
        names = ", ".join(self.taxonomy.names)
        shown = F.concat(F.lit("'"), F.substring(F.trim("label_raw"), 1, 60), F.lit("'"))
        number = "is a number; say with --codes what it means" if not self.codes else "is no code of this dataset"
        near = nearest_name(text, self._words())
        return (
            F.when(F.col("label_raw").isNull() | (text == ""), F.lit("the label is empty"))
            .when(
                name.isin(*NO_EXPRESSION),
                F.concat(shown, F.lit(" is "), name, F.lit(": "), _lookup(NO_EXPRESSION, name)),
            )
            .when(
                name.isNotNull(),
                F.concat(shown, F.lit(" is "), name, F.lit(f", which is none of {names}; see --labels")),
            )
            .when(text.rlike(r"^-?[\d.]+$"), F.concat(shown, F.lit(f" {number}")))
            .when(near.isNotNull(), F.concat(shown, F.lit(" is no known expression; nearest: "), near))
            .otherwise(F.concat(shown, F.lit(f" is none of {names}")))
        )


def label_rule(
    settings: SourceSettings,
    own: str,
    codes: str = "",
    rows: DataFrame | None = None,
    stored: Sequence[Numbering] = (),
) -> LabelRule:
    """The rule for a source whose own taxonomy is `own`, with `codes` (a key of CODES) for its numbers.

    rows, stored: its labels, and names that lie beside the data. Raises SourceError where these, --codes, or a list in
    --labels that names every number which is there, contradict the format.
    """
    given, names = given_codes(settings), listed(settings)
    chosen = _classes(settings, given) or taxonomy(own)
    if not codes:
        return LabelRule(chosen, {}, settings.keep_no_expression)
    format_ = Numbering(CODES[codes], _FORMATS[codes])
    statements = [
        format_,
        *(statement for statement in stored if not statement.only_numbers),
        *([given] if given else []),
    ]
    if names is not None and rows is not None and format_.differences(names):
        numbers = seen_labels(rows).numbers
        if numbers and numbers.keys() <= names.names.keys():
            statements.append(names)
    meaning = agreed(statements, "the format's own numbers cannot be given another meaning; write names in their place")
    return LabelRule(chosen, meaning.names, settings.keep_no_expression, format_.origin)


def rule_of(
    rows: DataFrame,
    settings: SourceSettings,
    stored: Callable[[], Sequence[Numbering]] | None = None,
    needed: bool = True,
) -> LabelRule:
    """The rule for data of no known format. `stored`: looks for names of numbers that lie with the data.

    Without --labels and --codes: the classes that are stored, or FER-2013's seven names, or AffectNet's eight when some
    row says contempt. Raises SourceError for numbers that nothing gives a meaning, if labels are `needed`.
    """
    seen, given = seen_labels(rows), given_codes(settings)
    meaning = None
    if seen.numbers:
        try:
            meaning = numbering_of(settings, seen, stored() if stored else (), f"--input {settings.input!r}")
        except SourceError:
            if needed:
                raise
    chosen = _classes(settings, given or meaning)
    if chosen is None:
        eight = LabelRule(TAXONOMIES["affectnet8"], {})
        contempt = [word for word, name in eight._words().items() if name == "contempt"]
        chosen = TAXONOMIES["fer2013"] if seen.words.isdisjoint(contempt) else eight.taxonomy
    codes, origin = (meaning.names, meaning.origin) if meaning else ({}, "")
    return LabelRule(chosen, codes, settings.keep_no_expression, origin, pass_numbers=not needed)


def _classes(settings: SourceSettings, numbering: Numbering | None) -> Taxonomy | None:
    """The classes and their order: by --labels, else as the numbers name them. Raises SourceError."""
    if settings.labels:
        try:
            return taxonomy(settings.labels)
        except ValueError as error:
            raise SourceError(str(error)) from None
    if numbering is None:
        return None
    same = [taxonomy for taxonomy in TAXONOMIES.values() if set(taxonomy.names) == set(numbering.classes)]
    return same[0] if same else Taxonomy(numbering.origin, numbering.classes)


def reject(frame: DataFrame, reason: Column, detail: Column) -> DataFrame:
    """Set `reject_reason` and `reject_detail` where no reason is set yet and `reason` is not null."""
    had = F.col("reject_reason")
    return frame.withColumns(
        {
            "reject_detail": F.when(had.isNotNull() | reason.isNull(), F.col("reject_detail")).otherwise(detail),
            "reject_reason": F.coalesce(had, reason),
        }
    )


def nearest_name(text: Column, words: Mapping[str, str]) -> Column:
    """The name of the spelling with the least edit distance, null when more than a third of the letters differ."""
    spelled = F.array(*(F.lit(word) for word in sorted(words)))
    best = F.array_min(
        F.transform(spelled, lambda word: F.struct(F.levenshtein(text, word).alias("d"), word.alias("w")))
    )
    return F.when(best["d"] * 3 <= F.length(text) + 2, _lookup(words, best["w"]))


def _lookup(table: Mapping[str, str], key: Column) -> Column:
    pairs = [F.lit(part) for pair in sorted(table.items()) for part in pair]
    return F.when(key.isNotNull(), F.try_element_at(F.create_map(*pairs), key))
