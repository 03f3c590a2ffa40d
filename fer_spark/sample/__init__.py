"""Draws labelled faces, of any number and from nothing but a seed: demo, tests and scale runs need no download.

`draw_face(seed, index)` gives one picture with its truth; `write_folder` and `write_fer2013_csv` write data sets;
`python -m fer_spark.sample --output DIR --count 1000` does so from the command line.
"""

from fer_spark.sample.broken import BROKEN_KINDS
from fer_spark.sample.drawing import FER2013_DRAWING, Box, Drawing, DrawnFace, DrawnPicture
from fer_spark.sample.people import EXPRESSIONS, Actions
from fer_spark.sample.picture import PICTURES_PER_PERSON, draw_face, label_at, person_at
from fer_spark.sample.truth import TruthRow
from fer_spark.sample.write import WriteSettings, encode, split_at, write_fer2013_csv, write_folder

__all__ = [
    "BROKEN_KINDS",
    "EXPRESSIONS",
    "FER2013_DRAWING",
    "PICTURES_PER_PERSON",
    "Actions",
    "Box",
    "Drawing",
    "DrawnFace",
    "DrawnPicture",
    "TruthRow",
    "WriteSettings",
    "draw_face",
    "encode",
    "label_at",
    "person_at",
    "split_at",
    "write_fer2013_csv",
    "write_folder",
]
