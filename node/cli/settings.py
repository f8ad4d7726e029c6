"""What a verb knows of this user's node without asking it: configuration, state, keys."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from node.config import load
from node.configuration.values import Config
from node.store.api_keys import ApiKey, KeyKind, ensure_key, key_path
from node.store.files import StateDirectory


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration and the state directory that `islandrun start` would use now."""

    config: Config
    directory: StateDirectory

    @property
    def api_url(self) -> str:
        return f"http://{self.config.api}"

    def key(self, kind: KeyKind, name: str | None = None) -> ApiKey:
        """Made where it is missing, so that `env` works before the first start."""
        return ensure_key(self.directory, kind, os.urandom, name)

    def key_path(self, kind: KeyKind) -> Path:
        return key_path(self.directory, kind)


def settings(flags: Mapping[str, str] | None = None) -> Settings:
    """Raises ConfigError or StateError."""
    config = load(flags or {}, os.environ)
    return Settings(config, StateDirectory.create(config.state))
