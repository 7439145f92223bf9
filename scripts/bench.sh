#!/usr/bin/env bash
# Measures: decisions in the engine, then the server over HTTP.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

scripts/packages.sh build
# Other work on the machine is in every figure.
say "$(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg 2>/dev/null || echo unknown)"
say "engine"
cargo bench --package engine
say "a million people"
if have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
    scripts/postgres.sh with cargo bench --package store
else
    cargo bench --package store
fi
say "server"
cargo bench --package server
