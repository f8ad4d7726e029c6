"""`python -m tests.vectors [--check]`: writes all vector files, or tells which differ from their generator."""

import sys

from tests.vectors.files import content, generators, path


def main(arguments: list[str]) -> int:
    different = 0
    for name in generators():
        data = content(name)
        if arguments != ["--check"]:
            path(name).write_bytes(data)
        elif not path(name).exists() or path(name).read_bytes() != data:
            print(f"{path(name)}: differs from its generator", file=sys.stderr)
            different += 1
    return 1 if different else 0


sys.exit(main(sys.argv[1:]))
