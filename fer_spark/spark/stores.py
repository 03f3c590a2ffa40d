"""What Spark's ways to object stores have been set to, for those who open the same stores without Spark.

What these functions give may hold keys: it is not to be shown.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

_S3A = ("endpoint", "endpoint.region", "access.key", "secret.key", "session.token")
_AMAZON = ("s3.amazonaws.com", "https://s3.amazonaws.com")
"""Hadoop's name of all of Amazon's regions, and what those who look for the region themselves need not be given."""
_NO_KEYS = "AnonymousAWSCredentialsProvider"
_TRIES = {"mode": "standard", "max_attempts": 10}
"""Of each request: a store that asks to slow down, or does not answer, has a minute."""


def s3a_settings(uri: str, conf: Any) -> dict[str, str]:
    """What of S3A's settings is set for the bucket of an s3a:// URI, else for all, by the last part of their names:
    the endpoint as a URL, region and keys, these also from Hadoop's credential providers. Empty for other schemes."""
    address = urlsplit(uri)
    if address.scheme != "s3a":
        return {}
    found = {name: _setting(conf, address.netloc, name) for name in _S3A}
    settings = {name: value for name, value in found.items() if value}
    endpoint = settings.get("endpoint", "")
    if endpoint and "://" not in endpoint:
        secure = conf.getBoolean("fs.s3a.connection.ssl.enabled", True)
        settings["endpoint"] = f"{'https' if secure else 'http'}://{endpoint}"
    return settings


def fsspec_options(uri: str, conf: Any) -> dict[str, Any]:
    """Options by which fsspec opens what Hadoop opens with `conf`. What is not set is looked for in the environment,
    by fsspec as by Hadoop."""
    address = urlsplit(uri)
    if address.scheme == "gs":
        return _google_options(conf)
    if address.scheme != "s3a":
        return {}
    found = s3a_settings(uri, conf)
    options: dict[str, Any] = {"max_concurrency": 1, "config_kwargs": {"retries": _TRIES}}  # 1: no HEAD before a GET
    for name, option in (("access.key", "key"), ("secret.key", "secret"), ("session.token", "token")):
        if name in found:
            options[option] = found[name]
    if "endpoint" in found and found["endpoint"] not in _AMAZON:
        options["endpoint_url"] = found["endpoint"]
    if "endpoint.region" in found:
        options["client_kwargs"] = {"region_name": found["endpoint.region"]}
    if _setting(conf, address.netloc, "path.style.access") == "true":
        options["config_kwargs"]["s3"] = {"addressing_style": "path"}
    if _NO_KEYS in _setting(conf, address.netloc, "aws.credentials.provider"):
        options["anon"] = True
    return options


def _google_options(conf: Any) -> dict[str, Any]:
    kind = conf.get("fs.gs.auth.type") or ""
    key_file = conf.get("fs.gs.auth.service.account.json.keyfile") or ""
    if kind == "UNAUTHENTICATED":
        return {"token": "anon"}
    return {"token": key_file} if kind == "SERVICE_ACCOUNT_JSON_KEYFILE" and key_file else {}


def _setting(conf: Any, bucket: str, key: str) -> str:
    """Of this bucket, else of all; keys also from Hadoop's credential providers."""
    for name in (f"fs.s3a.bucket.{bucket}.{key}", f"fs.s3a.{key}"):
        if characters := conf.getPassword(name):
            return "".join(characters)
    return ""
