"""`env`: what OpenAI clients need, as shell exports. `open`: the dashboard."""

import shlex
import webbrowser
from collections.abc import Sequence

from node.cli.printing import parser, show_json
from node.cli.settings import settings
from node.store.api_keys import KeyKind
from node.store.identity import running_process
from protocol.errors import StateError


def env(argv: Sequence[str]) -> int:
    """Works whether the node runs or not."""
    arguments = parser("env", 'For `eval "$(islandrun env)"`: the address and an inference key for OpenAI clients.')
    arguments.add_argument("--owner", action="store_true", help="print the path of the owner key's file instead")
    arguments.add_argument("--key", metavar="NAME", help="an inference key of its own for one program")
    wanted = arguments.parse_args(argv)
    found = settings()
    if wanted.owner:
        found.key(KeyKind.OWNER)
        path = str(found.key_path(KeyKind.OWNER))
        if wanted.json:
            show_json({"owner_key_file": path})
        else:
            print(path)
        return 0
    values = {
        "OPENAI_BASE_URL": f"{found.api_url}/v1",
        "OPENAI_API_KEY": found.key(KeyKind.INFERENCE, wanted.key).token,
    }
    if wanted.json:
        show_json(values)
    else:
        for name, value in values.items():
            print(f"export {name}={shlex.quote(value)}")
    return 0


def open_dashboard(argv: Sequence[str]) -> int:
    """Raises StateError where no node runs: a browser would only say that it cannot connect."""
    parser("open", "Opens the dashboard in a browser.", json_flag=False).parse_args(argv)
    found = settings()
    if running_process(found.directory) is None:
        raise StateError("no node runs here: start it with `islandrun start`")
    print(f"{found.api_url}/\nIt asks for the owner key, which is in {found.key_path(KeyKind.OWNER)}")
    webbrowser.open(f"{found.api_url}/")
    return 0
