"""What S3 accepts of bucket names."""

from __future__ import annotations

import re

from rules.rule import Rule, matches

_PREFIXES = ("xn--", "sthree-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_SOURCE = "Amazon S3 User Guide, General purpose bucket naming rules"

TABLE = (
    Rule(
        id="S3-BUCKET-NAME",
        facts=("bucket",),
        holds=matches(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
        accepts="3 to 63 lower-case letters, digits, dots and hyphens that begin and end with a letter or digit",
        remedy="choose such a name; it must also be unique in all of S3",
        source=_SOURCE,
    ),
    Rule(
        id="S3-BUCKET-RESERVED",
        facts=("bucket",),
        holds=lambda name: (
            not re.fullmatch(r"(\d{1,3}\.){3}\d{1,3}", str(name))
            and not str(name).startswith(_PREFIXES)
            and not str(name).endswith(_SUFFIXES)
        ),
        accepts="no IP address, and none of the prefixes and suffixes that S3 keeps for itself",
        remedy="choose another name",
        source=_SOURCE,
    ),
)
