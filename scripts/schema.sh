#!/usr/bin/env bash
# Holds the REST interface against its own OpenAPI document, as each role and each kind of token:
#   scripts/schema.sh                  every token a little, always the same way: part of `make test`
#   scripts/schema.sh EXAMPLES [WHO…]  for long, with a new seed: `scripts/schema.sh 300 admin client`
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

scripts/packages.sh test
scripts/python.sh
if [ -z "${FADER_BIN:-}" ]; then
    say "building the server"
    cargo build --quiet --bin fader
    FADER_BIN="$TARGET_DIR/debug/fader"
fi
export FADER_BIN
exec python3 scripts/schema.py "$@"
