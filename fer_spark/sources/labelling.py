"""Raw labels to expression names, as Spark expressions; a label that cannot be used says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from fer_spark.labels import CODES, KNOWN, NO_EXPRESSION, TAXONOMIES, Taxonomy, taxonomy
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


@dataclass(frozen=True)
class LabelRule:
    """What a raw label may be: the taxonomy's names in any known spelling, and the numbers of `codes`."""

    taxonomy: Taxonomy
    codes: Mapping[int, str]
    keep_no_expression: bool = False

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
        number = F.when(text.rlike(r"^\d{1,4}(\.0*)?$"), text.cast("double").cast("int"))
        return _lookup({str(code): name for code, name in self.codes.items()}, number.cast("string"))

    def _problem(self, text: Column, name: Column) -> Column:
        names = ", ".join(self.taxonomy.names)
        shown = F.concat(F.lit("'"), F.substring(F.trim("label_raw"), 1, 60), F.lit("'"))
        number = "is a number; say with --labels whose code it is" if not self.codes else "is no code of this dataset"
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


def label_rule(settings: SourceSettings, own: str, codes: str = "") -> LabelRule:
    """The rule for a source whose own taxonomy is `own`, with `codes` (a key of CODES) for its numbers.

    Without codes of its own, a source reads numbers by the taxonomy that the user named. Raises SourceError.
    """
    try:
        chosen = taxonomy(settings.labels or own)
    except ValueError as error:
        raise SourceError(str(error)) from None
    table = CODES.get(codes or (settings.labels if settings.labels in TAXONOMIES else ""), {})
    return LabelRule(chosen, table, settings.keep_no_expression)


def rule_of(rows: DataFrame, settings: SourceSettings) -> LabelRule:
    """Without --labels: FER-2013's seven names, or AffectNet's eight when some row says contempt."""
    if settings.labels:
        return label_rule(settings, "")
    eight = label_rule(settings, "affectnet8")
    spelled = [word for word, name in eight._words().items() if name == "contempt"]
    some = rows.where(F.lower("label_raw").isin(*spelled)).limit(1).count() > 0
    return eight if some else LabelRule(TAXONOMIES["fer2013"], eight.codes)


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
