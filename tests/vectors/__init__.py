"""The generators of specs/vectors/*.json.

To add one: write `generate_NAME.py` here with a function `vectors() -> dict[str, object]` (JSON values only; bytes as
lower-case hex; fixed keys and times, so that every run gives the same bytes) and run `python -m tests.vectors`, which
writes `specs/vectors/NAME.json`. `python -m tests.vectors --check` compares instead; tests/unit/test_vectors.py does
so for every generator.

A case has one fault at most, the rule of the spec that it breaks, and why that rule is there; most cases are refusals.
The files are read by other implementations: no Python in them.
"""
