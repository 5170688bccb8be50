"""The file that holds a caller's password, as hashes only (RFC 8760 §2.6: never in clear).

TOML, made by `sipgate password`: the realm, and for each algorithm the hash of user, realm and
password. Whoever has it can place calls as that caller, so others may not read it.
"""

import os
import re
import stat
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from sipgate.config import Config, ConfigError, Problem
from sipgate.config_file import suggestion
from sipgate.sip import ALGORITHMS, secret_hash

_KEYS = {algorithm.lower(): algorithm for algorithm in ALGORITHMS}
_DIGITS = {"SHA-512-256": 64, "SHA-256": 64, "MD5": 32}


@dataclass(frozen=True, slots=True)
class PasswordFile:
    """What the file says; `secrets` are hex by algorithm, strongest first."""

    realm: str
    secrets: Mapping[str, str]

    def to_text(self, caller: str) -> str:
        """The file, as it is written."""
        lines = [f"# The password of {caller}, hashed. Made by `sipgate password`."]
        lines.append(f'realm = "{_escaped(self.realm)}"')
        lines += [f'{name.lower()} = "{secret}"' for name, secret in self.secrets.items()]
        return "\n".join(lines) + "\n"


def hashed(user: str, realm: str, password: str, algorithms: Collection[str]) -> PasswordFile:
    """A password as it is kept, by each of the algorithms (of `sip.ALGORITHMS`)."""
    names = [name for name in ALGORITHMS if name in algorithms]
    return PasswordFile(realm, {name: secret_hash(name, user, realm, password) for name in names})


def read_password_file(path: Path, realm: str) -> PasswordFile:
    """Read and check a file for that realm. Raises ConfigError, with the place of each mistake."""
    problems: list[Problem] = []
    try:
        text = path.read_text("utf-8")
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or "").lower() if isinstance(error, OSError) else "is no text"
        raise ConfigError([Problem(str(path), None, None, reason or "can't be read")]) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        told = f"others may read it: chmod 600 {path}"
        problems.append(Problem(str(path), None, None, told))
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Problem(str(path), None, None, str(error))]) from error
    found_realm = values.pop("realm", None)
    if found_realm != realm:
        told = f'made for realm "{found_realm}", but the source\'s is "{realm}"'
        problems.append(Problem(str(path), _line(text, "realm"), 1, told))
    secrets = {}
    for key, value in values.items():
        algorithm = _KEYS.get(key)
        if algorithm is None:
            told = f"unknown key {key}{suggestion(key, _KEYS)}"
        elif not isinstance(value, str) or not re.fullmatch(
            f"[0-9a-f]{{{_DIGITS[algorithm]}}}", value
        ):
            told = f"{key}: expected {_DIGITS[algorithm]} hexadecimal digits"
        else:
            secrets[algorithm] = value
            continue
        problems.append(Problem(str(path), _line(text, key), 1, told))
    if not secrets and not problems:
        told = f"no hash; expected one of {', '.join(_KEYS)}"
        problems.append(Problem(str(path), None, None, told))
    if problems:
        raise ConfigError(problems)
    return PasswordFile(
        found_realm, {name: secrets[name] for name in ALGORITHMS if name in secrets}
    )


def read_secrets(config: Config) -> dict[str, Mapping[str, str]]:
    """The secrets of all callers, by `SOURCE/USER`. Raises ConfigError."""
    realms = {source.name: source.realm for source in config.source}
    secrets: dict[str, Mapping[str, str]] = {}
    problems: list[Problem] = []
    for caller in config.caller:
        realm = realms.get(caller.id.partition("/")[0])
        if caller.password_file is None or realm is None:
            continue
        try:
            secrets[caller.id] = read_password_file(caller.password_file, realm).secrets
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return secrets


def write_password_file(path: Path, text: str) -> None:
    """Mode 0600 from its first byte on; an old one is replaced whole. Raises OSError."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def _line(text: str, key: str) -> int | None:
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith(key):
            return number
    return None


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
