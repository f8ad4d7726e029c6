"""Secrets of a configuration: named by an environment variable or a file, never written into it, never shown."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from node.configuration.section import Section
from node.configuration.values import Secret
from protocol.errors import ConfigError

SECRET_BYTES_MAX = 16_384
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file as found. `shared_mode` is its mode where others than its owner may read it."""

    data: bytes
    shared_mode: int | None = None


ReadFile = Callable[[Path], FileContent | None]
"""Gives a file, None when there is none; raises OSError when it cannot be read."""


@dataclass(frozen=True, slots=True)
class SecretReader:
    """Reads `…_env` and `…_file`."""

    environ: Mapping[str, str]
    read: ReadFile
    base: Path  # what a relative path starts from: the directory of the configuration
    home: Path

    def secret(self, section: Section, name: str) -> Secret | None:
        """The secret that `name`_env or `name`_file leads to, None without either."""
        if section.has(name):
            raise section.source.problem(
                (*section.path, name),
                f'{name}: a secret does not belong in this file: expected {name}_env = "VARIABLE" or {name}_file = '
                '"PATH"',
            )
        section.get(name)
        from_variable = self._from_variable(section, f"{name}_env")
        from_file = self._from_file(section, f"{name}_file")
        if from_variable is not None and from_file is not None:
            raise section.error(f"{name}_file", f"either {name}_env or {name}_file, not both")
        return from_variable or from_file

    def _from_variable(self, section: Section, key: str) -> Secret | None:
        variable = section.optional_text(key, "the name of an environment variable")
        if variable is None:
            return None
        if not _VARIABLE.fullmatch(variable):
            # Not echoed: whoever mistakes the key for its name writes the secret itself here.
            raise section.source.problem(
                (*section.path, key), f"{key}: expected a variable's name, such as OPENAI_API_KEY"
            )
        text = self.environ.get(variable, "").strip()
        if not text:
            raise section.error(key, "an environment variable that is set")
        return _checked(section, key, text)

    def _from_file(self, section: Section, key: str) -> Secret | None:
        name = section.optional_text(key, "the path of a file")
        if name is None:
            return None
        path = self.home / name[2:] if name.startswith("~/") else self.base / name
        try:
            content = self.read(path)
        except OSError as error:
            raise section.error(key, f"a file that can be read ({error.strerror})") from error
        if content is None:
            raise section.error(key, "a file that is there")
        if content.shared_mode is not None:
            raise section.error(
                key, f"a file that only you can read; it has mode {content.shared_mode:04o} (chmod 600)"
            )
        try:
            text = content.data[:SECRET_BYTES_MAX].decode("utf-8").strip()
        except UnicodeDecodeError:
            text = ""
        return _checked(section, key, text)


def _checked(section: Section, key: str, text: str) -> Secret:
    if not text or not text.isascii() or not text.isprintable():
        raise _unusable(section, key)
    return Secret(text)


def _unusable(section: Section, key: str) -> ConfigError:
    return section.error(key, "one line of printable ASCII behind it")
