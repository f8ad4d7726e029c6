"""Where a package keeps what it carries, without importing it."""

from importlib import metadata
from pathlib import Path

from protocol.errors import DetectorError


def located(package: str, folder: str) -> Path:
    """Raises DetectorError when the package or its folder is missing."""
    try:
        path = Path(str(metadata.distribution(package).locate_file(folder)))
    except metadata.PackageNotFoundError:
        raise DetectorError(f"the package {package} is not installed") from None
    if not path.is_dir():
        raise DetectorError(f"the package {package} holds no {folder}")
    return path
