"""Where a table lies, as a Python package names it, and what S3A has been set to, in the package's words."""

from __future__ import annotations

import os
from typing import Any

from fer_spark.spark.stores import s3a_settings

_NAMES = {
    "endpoint": "AWS_ENDPOINT_URL",
    "endpoint.region": "AWS_REGION",
    "access.key": "AWS_ACCESS_KEY_ID",
    "secret.key": "AWS_SECRET_ACCESS_KEY",
    "session.token": "AWS_SESSION_TOKEN",
}
"""Hadoop's fs.s3a.… and the environment's name of the same. What is not set is looked for in the environment."""


def plain_address(uri: str) -> str:
    """Hadoop's URI of a directory as others spell it: a local path, s3:// for s3a://."""
    if uri.startswith("file:"):
        return "/" + uri.removeprefix("file:").lstrip("/")
    return uri.replace("s3a://", "s3://", 1)


def hadoop_address(uri: str) -> str:
    """The same, the other way round."""
    return uri.replace("s3://", "s3a://", 1)


def store_options(uri: str, conf: Any) -> dict[str, str]:
    """Settings by which deltalake opens what Hadoop opens with `conf`. They hold keys: not to be shown."""
    if not uri.startswith("s3a://"):
        return {}
    options = {_NAMES[name]: value for name, value in s3a_settings(uri, conf).items()}
    if (options.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL", "")).startswith("http://"):
        options["AWS_ALLOW_HTTP"] = "true"
    return options
