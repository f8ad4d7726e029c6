"""The mesh process: libp2p and zeroconf behind adapters. It moves bytes; what it decides is decided in `protocol`."""
