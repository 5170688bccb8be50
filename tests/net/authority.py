"""Certificates for tests, from an authority of their own."""

from pathlib import Path

import trustme


class Authority:
    """Writes PEM files into a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._name = name
        self._authority = trustme.CA()
        self.file = folder / f"{name}.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def issue(self, *names: str) -> Path:
        """One file with certificate and key for these hosts and addresses."""
        path = self._folder / f"{self._name}-{names[0].replace('*', 'any').replace(':', '-')}.pem"
        issued = self._authority.issue_cert(*names)
        issued.private_key_and_cert_chain_pem.write_to_path(str(path))
        return path
