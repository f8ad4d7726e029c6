"""`service install`: the file with which this system keeps the node running. It is written, never run."""

import os
import plistlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.cli.printing import parser
from protocol.errors import StateError

LABEL = "org.islandrun.node"
UNIT = "islandrun.service"
# A service does not see the shell's environment; where these are set, the node's own files are somewhere else.
_OWN = ("API", "CONFIG", "EMBEDDED", "INTERFACES", "MESH", "NAME", "STATE")
CARRIED = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", *(f"ISLANDRUN_{name}" for name in _OWN))


@dataclass(frozen=True, slots=True)
class Service:
    """A file for the service manager, and the command that its owner runs then."""

    path: Path
    content: bytes
    enable: str


def service(argv: Sequence[str]) -> int:
    made = parser("service", "Lets this system keep the node running.", json_flag=False)
    verbs = made.add_subparsers(dest="verb", required=True)
    verbs.add_parser("install", help="write a user service for systemd or launchd, and print how to enable it")
    made.parse_args(argv)
    wanted = service_for(sys.platform, sys.executable, os.environ)
    _write(wanted)
    print(f"{wanted.path} is written. To start the node now and at every login:\n\n  {wanted.enable}\n")
    print("Keys of providers come from key_file in the configuration: a service sees no variables of a shell.")
    return 0


def service_for(system: str, python: str, environ: Mapping[str, str]) -> Service:
    """Raises StateError where the service manager is not known."""
    command = [python, "-m", "node.cli.main", "start"]
    carried = {name: environ[name] for name in CARRIED if environ.get(name)}
    home = Path(environ.get("HOME", "~")).expanduser()
    match system:
        case "linux":
            given = environ.get("XDG_CONFIG_HOME", "")
            config = Path(given) if given.startswith("/") else home / ".config"
            enable = f"systemctl --user daemon-reload && systemctl --user enable --now {UNIT}"
            return Service(config / "systemd" / "user" / UNIT, _systemd_unit(command, carried), enable)
        case "darwin":
            path = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
            return Service(path, _launchd_plist(command, carried), f'launchctl bootstrap gui/$(id -u) "{path}"')
    raise StateError(f"{system}: expected a system with systemd or launchd; on Windows, use WSL")


def _systemd_unit(command: Sequence[str], environ: Mapping[str, str]) -> bytes:
    """Source: systemd.service(5), systemd.exec(5)."""
    lines = [
        "[Unit]",
        "Description=IslandRun: this device's node",
        "",
        "[Service]",
        f"ExecStart={' '.join(_quoted(word).replace('$', '$$') for word in command)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in environ.items()),
        "ExecReload=/bin/kill -HUP $MAINPID",
        "KillMode=mixed",  # only the core is asked to end: it drains what its other processes are at
        "Restart=on-failure",
        "RestartSec=5",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    return "\n".join(lines).encode()


def _quoted(word: str) -> str:
    if any(not c.isprintable() for c in word):
        raise StateError(f"{word!r}: a unit file cannot hold control characters")
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def _launchd_plist(command: Sequence[str], environ: Mapping[str, str]) -> bytes:
    """Source: launchd.plist(5)."""
    wanted = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "EnvironmentVariables": dict(environ),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ProcessType": "Interactive",  # macOS slows what it takes for background work
    }
    return plistlib.dumps(wanted)


def _write(wanted: Service) -> None:
    """Raises StateError rather than replace a file that its owner may have edited."""
    try:
        if wanted.path.exists() and wanted.path.read_bytes() != wanted.content:
            raise StateError(f"{wanted.path} is there and differs: remove it first")
        wanted.path.parent.mkdir(parents=True, exist_ok=True)
        wanted.path.write_bytes(wanted.content)
    except OSError as error:
        raise StateError(f"{wanted.path}: cannot be written: {error.strerror}") from None
