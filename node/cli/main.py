"""`islandrun VERB …`: finds the verb and runs it. Each verb is one module, loaded only when it is asked for."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from node.cli.printing import harmless
from protocol.errors import IslandRunError

USAGE_ERROR = 2


class Verb(NamedTuple):
    """Where a verb lives: `module.function(argv) -> exit status`."""

    module: str
    function: str
    help: str


VERBS: dict[str, Verb] = {
    "start": Verb("node.cli.start", "start", "run the node of this device"),
    "pair": Verb("node.cli.pair", "pair", "show a code for another device, or enrol this one: pair [CODE]"),
    "islands": Verb("node.cli.show", "islands", "the islands that this node knows"),
    "status": Verb("node.cli.show", "status", "what this node is doing"),
    "env": Verb("node.cli.env", "env", "the address and the key for OpenAI clients, as shell exports"),
    "open": Verb("node.cli.env", "open_dashboard", "the dashboard in a browser"),
    "ask": Verb("node.cli.ask", "ask", "ask a question and print the answer as it comes"),
    "explain": Verb("node.cli.explain", "explain", "the decision for a question, without sending anything"),
    "scrub": Verb("node.cli.scrub", "scrub", "replace what is private in a text; needs no node"),
    "policy": Verb("node.cli.policy", "policy", "whether the configuration says what is meant: policy check|test"),
    "data": Verb("node.cli.data", "data", "collections held here: data add|grant|list|remove"),
    "models": Verb("node.cli.show", "models", "the models that may answer here"),
    "ledger": Verb("node.cli.ledger", "ledger", "what was asked of whom, at what cost: ledger show|verify|export"),
    "events": Verb("node.cli.show", "events", "what happens in the archipelago, as it happens"),
    "doctor": Verb("node.cli.doctor", "doctor", "what is missing or in the way on this device"),
    "demo": Verb("node.cli.demo", "demo", "the main job on this machine, with three real nodes"),
    "revoke": Verb("node.cli.pair", "revoke", "take an island out of the archipelago"),
    "service": Verb("node.cli.service", "service", "run the node whenever you are logged in: service install"),
    "sim": Verb("sim.cli", "run_cli", "the network simulator: sim list|show|run"),
    "spec": Verb("node.cli.spec", "spec", "run the test vectors of the protocol: spec check"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a clear error, 2 wrong usage, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _run(arguments)
        sys.stdout.flush()  # a reader that has gone away is noticed here
        return status
    except IslandRunError as error:
        print(f"islandrun {arguments[0]}: {harmless(str(error))}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # What is still buffered would raise again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    verb = VERBS.get(arguments[0])
    if verb is None:
        print(f"islandrun: no verb {arguments[0]!r}\n\n{usage()}", file=sys.stderr)
        return USAGE_ERROR
    return int(getattr(importlib.import_module(verb.module), verb.function)(arguments[1:]))


def usage() -> str:
    lines = "\n".join(f"  {name:<9} {verb.help}" for name, verb in VERBS.items())
    return f"usage: islandrun VERB [ARGUMENTS]\n\n{lines}\n\nislandrun VERB --help tells more."


if __name__ == "__main__":
    sys.exit(main())
