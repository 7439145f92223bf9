#!/usr/bin/env bash
# Builds everything and serves the demo: Fader on 127.0.0.1:3000, the booking site on 127.0.0.1:3100.
# ADDR=…, BOOKING_ADDR=… and FADER_DATABASE_URL=… change that. A second run starts in seconds.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
# shellcheck source=scripts/demo.sh
. scripts/demo.sh

require_free_ports
scripts/packages.sh build
scripts/wasm-target.sh
scripts/npm.sh
say "building the browser side"
cargo run --quiet --package bundle
say "building the server"
cargo build --release --package server --package booking

trap stop_demo EXIT
trap 'exit 0' INT TERM
start_demo "$TARGET_DIR/release/fader" "$TARGET_DIR/release/booking" || die "the demo did not start; what went wrong stands above."
print_demo "$TARGET_DIR/release/fader"
# Either of them ending by itself is an error.
wait -n "$FADER_PID" "$BOOKING_PID" || true
die "one of the two has stopped; what went wrong stands above."
