"""Certificates of one throw-away cluster, by openssl: elliptic keys, a few milliseconds each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from volrewind.system.process import run

_DAYS = "3650"  # an instance may be left running; nothing in it is worth an expiry
_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
_SERVER_NAMES = "DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1"


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, each in a file."""

    directory: Path
    name: str

    @property
    def certificate(self) -> Path:
        """The certificate alone."""
        return self.directory / f"{self.name}.crt"

    @property
    def key(self) -> Path:
        """The secret half."""
        return self.directory / f"{self.name}.key"


@dataclass(frozen=True)
class Authority:
    """The one authority of a cluster; its directory holds all that it signs."""

    directory: Path

    @property
    def certificate(self) -> Path:
        """What everybody trusts."""
        return self._root.certificate

    @property
    def _root(self) -> Certificate:
        return Certificate(self.directory, "ca")

    @property
    def service_accounts(self) -> Certificate:
        """The key pair that signs ServiceAccounts' tokens."""
        return Certificate(self.directory, "service-accounts")

    def client(self, name: str, user: str, group: str = "") -> Certificate:
        """Return a new certificate that makes its holder `user` of `group`."""
        subject = (f"/O={group}" if group else "") + f"/CN={user}"
        return self._signed(name, subject, "extendedKeyUsage=clientAuth")

    def server(self, name: str, user: str, *, group: str = "", address: str = "127.0.0.1") -> Certificate:
        """Return a new certificate for a server at 127.0.0.1 and `address`, which is also the client `user` of `group`."""
        subject = (f"/O={group}" if group else "") + f"/CN={user}"
        return self._signed(
            name, subject, "extendedKeyUsage=serverAuth,clientAuth", f"subjectAltName={_SERVER_NAMES},IP:{address}"
        )

    def _signed(self, name: str, subject: str, *extensions: str) -> Certificate:
        made = Certificate(self.directory, name)
        issuer = ["-CA", str(self._root.certificate), "-CAkey", str(self._root.key)]
        added = [word for extension in extensions for word in ("-addext", extension)]
        _openssl(made, subject, *issuer, *added)
        return made


def new_authority(directory: Path) -> Authority:
    """Return a new authority whose secrets are in a new directory, for its owner's eyes only."""
    directory.mkdir(mode=0o700)
    authority = Authority(directory)
    _openssl(Certificate(directory, "ca"), "/CN=volrewind-testbed")
    _openssl(authority.service_accounts, "/CN=service-accounts")  # of the certificate only the public key is used
    return authority


def _openssl(made: Certificate, subject: str, *options: str) -> None:
    files = ["-keyout", str(made.key), "-out", str(made.certificate)]
    run(["openssl", "req", "-x509", *_KEY, "-days", _DAYS, "-subj", subject, *files, *options])
