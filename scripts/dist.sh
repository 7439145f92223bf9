#!/usr/bin/env bash
# Builds what is shipped: one optimised binary that carries all its assets, target/dist/fader.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
# shellcheck source=scripts/steps.sh
. scripts/steps.sh

BINARY_BYTES_MAX=30000000

hold_to_budget() {
    local bytes
    bytes="$(wc -c <"$TARGET_DIR/dist/fader")"
    printf '  target/dist/fader: %d bytes; the budget is %d\n' "$bytes" "$BINARY_BYTES_MAX"
    [ "$bytes" -le "$BINARY_BYTES_MAX" ]
}

steps_of dist 6 1200
prepare build
step "the browser side" 220 "$BUILD_HELP" cargo run --quiet --bin bundle || exit
step "the binary" 900 "$BUILD_HELP" cargo build --profile dist --bin fader || exit
step "its size" 1 "Find what grew before raising the budget in scripts/dist.sh." hold_to_budget || exit
