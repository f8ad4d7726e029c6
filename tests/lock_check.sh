#!/bin/sh
# lock_check.sh UV: resolves every lock for every platform that the README promises, so that a missing wheel is found here.
# python-baseconv and varint are pure Python published as source only; zeroconf (no wheel for macOS on x86-64) compiles
# nothing where there is no compiler. The cache is left out, since it may hold wheels that somebody built.
set -eu
uv=$1
target=$(mktemp -d)
trap 'rm -rf "$target"' EXIT
for lock in requirements.lock requirements-test.lock; do
    for platform in x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu x86_64-apple-darwin aarch64-apple-darwin; do
        for version in 3.11 3.12 3.13; do
            "$uv" pip install --quiet --no-cache --dry-run --target "$target" --python-platform "$platform" --python-version "$version" \
                --only-binary :all: --no-binary python-baseconv --no-binary varint --no-binary zeroconf \
                --no-deps --require-hashes -r "$lock" || { echo "$lock does not resolve for $platform, CPython $version"; exit 1; }
        done
    done
    echo "$lock resolves for Linux and macOS, x86-64 and arm64, CPython 3.11 to 3.13"
done
