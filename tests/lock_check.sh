#!/bin/sh
# lock_check.sh UV: resolves every lock for every platform that the README promises, so that a missing wheel is found here.
# python-baseconv is pure Python published as source only; it needs no compiler.
set -eu
uv=$1
target=$(mktemp -d)
trap 'rm -rf "$target"' EXIT
for lock in requirements.lock requirements-test.lock; do
    for platform in x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu x86_64-apple-darwin aarch64-apple-darwin; do
        for version in 3.11 3.12 3.13; do
            "$uv" pip install --quiet --dry-run --target "$target" --python-platform "$platform" --python-version "$version" \
                --only-binary :all: --no-binary python-baseconv \
                --no-deps --require-hashes -r "$lock" || { echo "$lock does not resolve for $platform, CPython $version"; exit 1; }
        done
    done
    echo "$lock resolves for Linux and macOS, x86-64 and arm64, CPython 3.11 to 3.13"
done
