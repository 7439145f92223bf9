#!/usr/bin/env bash
# Builds everything and serves the demo: Fader on 127.0.0.1:3000, the booking site on 127.0.0.1:3100.
# ADDR=…, BOOKING_ADDR=… and FADER_DATABASE_URL=… change that. A second run starts in seconds.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
# shellcheck source=scripts/demo.sh
. scripts/demo.sh
# shellcheck source=scripts/steps.sh
. scripts/steps.sh

# Debug builds, which `make test` and `make dev` use as well; what is hot in them is optimised (Cargo.toml).
build_programs() { cargo build --bin bundle --bin fader --bin booking; }

start() {
    start_demo "$TARGET_DIR/debug/fader" "$TARGET_DIR/debug/booking"
}

require_free_ports
steps_of run 6 600
prepare build
step "the server, the booking site and the build step" 400 "$BUILD_HELP" build_programs || exit
step "the browser side" 150 "$BUILD_HELP" cargo run --quiet --bin bundle || exit

trap stop_demo EXIT
trap 'exit 0' INT TERM
step "starting" 3 "When $FADER_DATABASE_URL is of no use any more, name another one with FADER_DATABASE_URL=sqlite:///tmp/fader.db." \
    start || exit
print_demo "$TARGET_DIR/debug/fader"
# Either of them ending by itself is an error.
wait -n "$FADER_PID" "$BOOKING_PID" || true
die "one of the two has stopped; what went wrong stands above."
