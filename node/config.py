"""The configuration: flag > `ISLANDRUN_*` > `config.toml` > default, read once, whole or not at all.

Nothing else reads the environment or the file. Reading again (SIGHUP) is calling `load` again: it returns a new
`Config` or raises, and the one in use is untouched.
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from node.configuration import places
from node.configuration.caps import read_caps
from node.configuration.lines import Lines, syntax_error_line
from node.configuration.privacy import read_privacy
from node.configuration.secrets import FileContent, ReadFile, SecretReader
from node.configuration.section import Section
from node.configuration.services import CONTEXT_TOKENS_MAX, SLOTS_MAX, read_services
from node.configuration.source import Source, shown
from node.configuration.values import (
    Address,
    BackendConfig,
    CapsConfig,
    Config,
    EmbeddedConfig,
    EmbeddingConfig,
    Limits,
    OutputLimit,
    Pooling,
    ProviderConfig,
    ProviderKind,
    ProviderModel,
    Secret,
)
from node.privacy.policy import PrivacyPolicy
from protocol.errors import ConfigError

__all__ = [
    "Address",
    "BackendConfig",
    "CapsConfig",
    "Config",
    "EmbeddedConfig",
    "FileContent",
    "Limits",
    "OutputLimit",
    "ProviderConfig",
    "ProviderKind",
    "ProviderModel",
    "ReadFile",
    "Rules",
    "Secret",
    "config_path",
    "load",
    "load_rules",
    "read_file",
    "state_path",
]

VERSION = 1
API_DEFAULT = Address("127.0.0.1", 4753)
MESH_DEFAULT = (Address("0.0.0.0", 4754), Address("::", 4754))
FILE_BYTES_MAX = 64 * 1024
EMBEDDING_CONTEXT_TOKENS_DEFAULT = 512  # what most embedding models were trained with
EMBEDDING_CONTEXT_TOKENS_MAX = 32_768  # a text is read in one batch, whose memory grows with this

Settings = Mapping[str, str | None]
"""Flags by name, without dashes: state, config, api, mesh, name, interfaces, embedded. None: not given."""


def load(flags: Settings, environ: Mapping[str, str], read: ReadFile | None = None) -> Config:
    """Raises ConfigError, one line that names the place and what would be right."""
    read = read_file if read is None else read
    path = config_path(flags, environ)
    text = _text(path, read, required=_setting("config", flags, environ) is not None)
    source = Source(path.name, Lines(text or ""))
    root = Section(source, (), _parse(source, text))
    if text is not None:
        _check_version(root)
    secrets = SecretReader(environ, read, path.parent, _home(environ))
    given = _Given(flags, environ)
    api, mesh = root.section("api"), root.section("mesh")
    embedded, embedding = root.section("embedded"), root.section("embedding")
    caps, limits = root.section("caps"), root.section("limits")
    backends, providers = read_services(root, secrets)
    # The file is read whole, also where a flag wins over it: a broken line is never hidden.
    file_name = root.parsed("name", places.island_name, places.ISLAND_NAME_EXPECTED)
    file_api = api.parsed("address", places.loopback_address, places.API_EXPECTED)
    file_mesh = _mesh(mesh)
    file_interfaces = mesh.texts("interfaces", 'names of interfaces, such as ["eth0"]')
    interfaces = given.parsed("interfaces", _words, "names of interfaces, such as eth0,wlan0") or file_interfaces
    config = Config(
        name=given.parsed("name", places.island_name, places.ISLAND_NAME_EXPECTED) or file_name,
        state=state_path(flags, environ),
        api=given.parsed("api", places.loopback_address, places.API_EXPECTED) or file_api or API_DEFAULT,
        mesh=given.parsed("mesh", _addresses, places.MESH_EXPECTED) or file_mesh or MESH_DEFAULT,
        interfaces=interfaces or None,
        privacy=read_privacy(root, read, path.parent, _home(environ)),
        embedded=_embedded(embedded, given),
        backends=backends,
        providers=providers,
        caps=read_caps(caps),
        limits=_limits(limits),
        source=source,
        policy=_policy(root),
        embedding=_embedding(embedding, path.parent, _home(environ)),
    )
    for section in (api, mesh, embedded, embedding, caps, limits, root):
        section.end()
    return config


class Rules(NamedTuple):
    """What a configuration says of texts and of where they may go."""

    privacy: PrivacyPolicy
    policy: Mapping[str, Any]  # as in Config
    source: Source


def load_rules(flags: Settings, environ: Mapping[str, str], read: ReadFile | None = None) -> Rules:
    """[privacy], [tools] and [policy] alone: for verbs that must not depend on a provider's key. Raises ConfigError."""
    read = read_file if read is None else read
    path = config_path(flags, environ)
    text = _text(path, read, required=_setting("config", flags, environ) is not None)
    source = Source(path.name, Lines(text or ""))
    root = Section(source, (), _parse(source, text))
    return Rules(read_privacy(root, read, path.parent, _home(environ)), _policy(root), source)


def config_path(flags: Settings, environ: Mapping[str, str]) -> Path:
    """Where the configuration is read from, whether or not it is there."""
    given = _setting("config", flags, environ)
    return Path(given[1]) if given else _xdg(environ, "XDG_CONFIG_HOME", ".config") / "islandrun" / "config.toml"


def state_path(flags: Settings, environ: Mapping[str, str]) -> Path:
    """The directory of everything that this node keeps."""
    given = _setting("state", flags, environ)
    return Path(given[1]) if given else _xdg(environ, "XDG_STATE_HOME", ".local/state") / "islandrun"


def read_file(path: Path) -> FileContent | None:
    """The real files."""
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            mode = stat.S_IMODE(state.st_mode)
            return FileContent(file.read(FILE_BYTES_MAX + 1), mode if mode & 0o077 else None)
    except FileNotFoundError:
        return None


class _Given:
    """What flags and environment say; errors name the flag or the variable."""

    def __init__(self, flags: Settings, environ: Mapping[str, str]) -> None:
        self._flags = flags
        self._environ = environ

    def parsed(self, key: str, parse: Any, expected: str) -> Any:
        given = _setting(key, self._flags, self._environ)
        if given is None:
            return None
        label, text = given
        try:
            return parse(text)
        except ValueError:
            raise ConfigError(f"{label} = {shown(text)}: expected {expected}") from None


def _setting(key: str, flags: Settings, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The flag, or else the variable: its name and its text."""
    flag, variable = flags.get(key), f"ISLANDRUN_{key.upper()}"
    if flag is not None:
        return f"--{key}", flag
    return (variable, environ[variable]) if environ.get(variable) else None


def _home(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        raise ConfigError(f"HOME = {shown(home)}: expected this user's home directory")
    return Path(home)


def _xdg(environ: Mapping[str, str], variable: str, default: str) -> Path:
    # The XDG specification: a relative path in these variables is to be ignored.
    value = environ.get(variable, "")
    return Path(value) if value.startswith("/") else _home(environ) / default


def _text(path: Path, read: ReadFile, *, required: bool) -> str | None:
    try:
        content = read(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    if content is None:
        if required:
            raise ConfigError(f"{path}: no such file")
        return None
    if len(content.data) > FILE_BYTES_MAX:
        raise ConfigError(f"{path.name}:1: the file is longer than {FILE_BYTES_MAX} bytes")
    try:
        return content.data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path.name}:{line}: not UTF-8") from error


def _parse(source: Source, text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, what = syntax_error_line(error)
        raise ConfigError(f"{source.file}:{line or text.count(chr(10)) + 1}: not TOML: {what}") from None
    except ValueError:  # an integer of thousands of digits
        raise ConfigError(f"{source.file}:1: not TOML that can be read: a number is too long") from None
    except RecursionError:
        raise ConfigError(f"{source.file}:1: not TOML that can be read: nested too deep") from None


def _check_version(root: Section) -> None:
    version = root.get("version")
    if version is None:
        raise root.missing("version", f"version = {VERSION} at the top")
    if version != VERSION or isinstance(version, bool):
        raise root.error("version", f"{VERSION}, the one that this program knows")


def _mesh(section: Section) -> tuple[Address, ...]:
    texts = section.texts("addresses", f"a list of addresses: {places.MESH_EXPECTED}")
    try:
        return tuple(places.address(text) for text in texts or ())
    except ValueError:
        raise section.error("addresses", f"a list of addresses: {places.MESH_EXPECTED}") from None


def _addresses(text: str) -> tuple[Address, ...]:
    return tuple(places.address(word) for word in _words(text))


def _words(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(","))
    if not all(words):
        raise ValueError(text)
    return words


def _embedded(section: Section, given: _Given) -> EmbeddedConfig:
    default = EmbeddedConfig()
    enabled = section.flag("enabled", default.enabled)
    asked = given.parsed("embedded", _switch, "on or off")
    return EmbeddedConfig(
        enabled=enabled if asked is None else asked,
        slots=section.integer("slots", default.slots, 1, SLOTS_MAX),
        context_tokens=section.integer("context_tokens", default.context_tokens, 256, CONTEXT_TOKENS_MAX),
    )


def _embedding(section: Section, base: Path, home: Path) -> EmbeddingConfig | None:
    name = section.optional_text("model", "the path of a GGUF file")
    pooling = section.choice("pooling", Pooling) if section.has("pooling") else None
    context = section.integer("context_tokens", EMBEDDING_CONTEXT_TOKENS_DEFAULT, 16, EMBEDDING_CONTEXT_TOKENS_MAX)
    if name is None:
        if section.has("pooling") or section.has("context_tokens"):
            raise section.missing("model", "the path of a GGUF file")
        return None
    return EmbeddingConfig(home / name[2:] if name.startswith("~/") else base / name, pooling, context)


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError(text)
    return text == "on"


def _limits(section: Section) -> Limits:
    default = Limits()
    return Limits(
        body_bytes_max=section.integer("body_bytes_max", default.body_bytes_max, 1024, default.body_bytes_max),
        connections_max=section.integer("connections_max", default.connections_max, 1, 65_536),
        running_max=section.integer("running_max", default.running_max, 1, 65_536),
        queued_max=section.integer("queued_max", default.queued_max, 0, 65_536),
        output_tokens_default=section.integer("output_tokens_default", default.output_tokens_default, 1, 10_000_000),
        conversation_days=section.integer("conversation_days", default.conversation_days, 1, 3_650),
    )


def _policy(root: Section) -> Mapping[str, Any]:
    """As it stands: the policy's own reader knows its keys."""
    table = root.get("policy")
    if not isinstance(table, dict | None):
        raise root.error("policy", "a table: [policy]")
    frozen: Mapping[str, Any] = _freeze(table or {})
    return frozen


def _freeze(value: Any) -> Any:
    if isinstance(value, dict):
        return MappingProxyType({key: _freeze(item) for key, item in value.items()})
    if isinstance(value, list):
        return tuple(_freeze(item) for item in value)
    return value
