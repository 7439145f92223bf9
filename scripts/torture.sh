#!/usr/bin/env bash
# Kills, fills, stops and restores what Fader runs on, and prints what came of it; takes a few minutes.
# `scripts/torture.sh kills disk away clock restore copies` names the parts. Everything stays on the loopback address.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

scripts/packages.sh test
if [ -z "${FADER_BIN:-}" ]; then
    say "building the server"
    cargo build --quiet --bin fader
    FADER_BIN="$TARGET_DIR/debug/fader"
fi
export FADER_BIN
exec scripts/postgres.sh with python3 scripts/torture.py "$@"
