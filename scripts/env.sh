# shellcheck shell=bash
# Sourced by every script: where the checkout is, and how a script speaks. No compiler flags are set here on
# purpose: flags that differ between two callers would make cargo rebuild everything in the shared target folder.

FADER_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export FADER_ROOT
cd "$FADER_ROOT" || exit

TARGET_DIR="${CARGO_TARGET_DIR:-$FADER_ROOT/target}"
export TARGET_DIR

say() { printf '\033[1m▸ %s\033[0m\n' "$*" >&2; }
complain() { printf '\033[1;31m✗ %s\033[0m\n' "$*" >&2; }
die() {
    complain "$*"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# True when something already listens on host:port.
port_taken() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# A loopback port nobody listens on at this moment.
free_port() {
    local port
    for _ in $(seq 50); do
        port=$((20000 + RANDOM % 30000))
        if ! port_taken 127.0.0.1 "$port"; then
            echo "$port"
            return
        fi
    done
    die "no free port found on 127.0.0.1"
}

# wait_for_http URL SECONDS: true as soon as the address answers at all.
wait_for_http() {
    local deadline=$((SECONDS + $2))
    until curl --silent --output /dev/null --max-time 2 "$1"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}
