"""`islandrun start`, many times in little time: what it imports is loaded once, and each start is a fork of that.

`python -m tests.integration.starter` reads lines of JSON, {"arguments", "out", "err"}, and answers each with the exit
status of `islandrun ARGUMENTS`, whose output went to those files.
"""

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from subprocess import CompletedProcess
from types import TracebackType
from typing import Self

import node.cli.start  # noqa: F401 - what takes a second of each start
from node.cli.main import main


class Starter(AbstractContextManager["Starter"]):
    """For starts that end by themselves."""

    def __init__(self, directory: Path, environ: dict[str, str]) -> None:
        self._out, self._err = directory / "out", directory / "err"
        command = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, text=True, bufsize=1
        )

    def run(self, arguments: list[str]) -> CompletedProcess[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"arguments": arguments, "out": str(self._out), "err": str(self._err)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        status = int(self._process.stdout.readline())
        return CompletedProcess(arguments, status, self._out.read_text(), self._err.read_text())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def __enter__(self) -> Self:
        return self


def _serve() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            for descriptor, path in ((1, asked["out"]), (2, asked["err"])):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
            try:
                status = main(asked["arguments"])
                sys.stderr.flush()
            except SystemExit as ended:
                status = int(ended.code or 0)
            os._exit(status)
        _, waited = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(waited), flush=True)


if __name__ == "__main__":
    _serve()
