#!/usr/bin/env bash
# The demo from debug builds, built and started again whenever a source file changes. Reload the browser yourself.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
# shellcheck source=scripts/demo.sh
. scripts/demo.sh
# shellcheck source=scripts/steps.sh
. scripts/steps.sh

watched=(Cargo.toml Cargo.lock app engine server examples style public widget migrations)
stamp="$TARGET_DIR/dev.stamp"

changed() { [ -n "$(find "${watched[@]}" -newer "$stamp" -type f -print -quit 2>/dev/null)" ]; }

build() {
    cargo run --quiet --bin bundle -- --dev && cargo build --quiet --bin fader --bin booking
}

require_free_ports
steps_of dev 5 540
prepare build
step "the server, the booking site and the build step" 400 "$BUILD_HELP" cargo build --bin bundle --bin fader --bin booking || exit
step "the browser side, unoptimised" 100 "$BUILD_HELP" cargo run --quiet --bin bundle -- --dev || exit
mkdir -p "$TARGET_DIR"
trap stop_demo EXIT
trap 'exit 0' INT TERM
first=yes
while true; do
    touch "$stamp" # before the build: what is saved during it counts as changed
    say "building"
    if build; then
        stop_demo
        if start_demo "$TARGET_DIR/debug/fader" "$TARGET_DIR/debug/booking"; then
            [ -z "$first" ] || print_demo "$TARGET_DIR/debug/fader"
            first=""
            say "serving $FADER_URL and $BOOKING_URL"
        else
            say "the demo did not start; waiting for a change"
        fi
    else
        say "the build failed; the last version that built keeps running"
    fi
    until changed; do sleep 0.5; done
done
