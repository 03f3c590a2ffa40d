"""What Spark's ways to object stores have been set to, for those who open the same stores without Spark.

What these functions give may hold keys: it is not to be shown.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_S3A = ("endpoint", "endpoint.region", "access.key", "secret.key", "session.token")
_AMAZON = ("s3.amazonaws.com", "https://s3.amazonaws.com")
"""Hadoop's name of all of Amazon's regions, and what those who look for the region themselves need not be given."""
_NO_KEYS = "AnonymousAWSCredentialsProvider"
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
AWAY_S = 60.0
"""How long a store may be away when a job begins."""
_answered: set[str] = set()
"""Endpoints that have answered this process."""
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


def await_answer(uri: str, conf: Any) -> None:
    """Wait until something listens at the endpoint that S3A has been set to for an s3a:// URI, which is the first thing
    to be wrong with one: S3A asks again for many minutes without a word. Nothing is sent.

    Raises ConnectionError after AWAY_S seconds. Takes other schemes, no endpoint and one behind a proxy as they are.
    """
    endpoint = s3a_settings(uri, conf).get("endpoint", "")
    if not endpoint or endpoint in _answered or _setting(conf, urlsplit(uri).netloc, "proxy.host"):
        return
    try:
        address = urlsplit(endpoint)
        place = (address.hostname or "", address.port or (80 if address.scheme == "http" else 443))
    except ValueError:  # S3A says what is wrong with it
        return
    began, waiting = time.monotonic(), False
    while True:
        try:
            socket.create_connection(place, timeout=10).close()
        except OSError as error:
            if time.monotonic() - began > AWAY_S:
                raise ConnectionError(
                    f"{uri}: no answer at {endpoint} for {AWAY_S:.0f} s ({error.strerror or error}), which "
                    "spark.hadoop.fs.s3a.endpoint names"
                ) from error
            if not waiting:
                print(f"No answer at {endpoint}, waiting for it for {AWAY_S:.0f} s", file=sys.stderr, flush=True)
                waiting = True
            time.sleep(1)
        else:
            _answered.add(endpoint)
            return


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


def arrow_options(uri: str, conf: Any) -> dict[str, Any] | None:
    """Options by which Arrow's own client for S3 opens what S3A opens with `conf`; None for other schemes, and where
    the environment names a proxy or certificates for the endpoint, of which that client does not know."""
    address = urlsplit(uri)
    if address.scheme != "s3a":
        return None
    found = s3a_settings(uri, conf)
    if _needs_environment(found.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL") or _AMAZON[1]):
        return None
    options: dict[str, Any] = {}
    names = {"access.key": "access_key", "secret.key": "secret_key", "session.token": "session_token"}
    names |= {"endpoint.region": "region", "endpoint": "endpoint_override"}
    for name, option in names.items():
        if name in found and found[name] not in _AMAZON:
            options[option] = found[name]
    if _NO_KEYS in _setting(conf, address.netloc, "aws.credentials.provider"):
        options["anonymous"] = True
    if "endpoint_override" in options and not any(os.environ.get(name) for name in _REGIONS):
        options.setdefault("region", "us-east-1")  # what S3A signs for, too
    return options


def _needs_environment(endpoint: str) -> bool:
    """Whether the environment says more of an endpoint than where it is: a proxy before it, its certificates."""
    address = urlsplit(endpoint)
    proxied = address.scheme in getproxies() and not proxy_bypass(address.netloc)
    return proxied or (address.scheme == "https" and bool(os.environ.get("AWS_CA_BUNDLE")))


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
