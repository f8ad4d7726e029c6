"""The vault that `islandrun scrub --vault FILE` leaves: readable by its owner alone, never overwritten."""

import json
import os
from pathlib import Path

from node.privacy.vault import Vault
from protocol.errors import PlaceholderError, StateError
from protocol.placeholders import Placeholder

VERSION = 1
_OWNER_ONLY = 0o600


def write_vault(path: Path, vault: Vault) -> None:
    """Raises StateError where the file exists already (it may hold what another text needs) or cannot be written."""
    values = {entry.placeholder.token(): entry.value for entry in vault}
    data = json.dumps({"version": VERSION, "values": values}, ensure_ascii=True, indent=1).encode()
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as file:  # noqa: PTH123 - a mode
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise StateError(f"{path}: exists already; a vault is never overwritten") from None
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from None


def read_vault(path: Path) -> dict[Placeholder, str]:
    """Raises StateError where the file is missing or no vault of this version."""
    try:
        document = json.loads(path.read_bytes())
        if document["version"] != VERSION:
            raise StateError(f"{path}: a vault of version {document['version']}, expected {VERSION}")
        return {Placeholder.parse(token): str(value) for token, value in document["values"].items()}
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, PlaceholderError):
        raise StateError(f"{path}: not a vault of islandrun scrub") from None
