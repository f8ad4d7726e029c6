"""What islands say to each other, as pure machines: bytes, time and entropy come in, bytes and actions go out.

Nothing here reads a clock, a file, a socket or a source of randomness. specs/00-overview.md is the map.
"""
