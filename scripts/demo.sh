# shellcheck shell=bash
# Sourced by run.sh and dev.sh: Fader with the demo in it, the booking site beside it, and simulated customers.
# ADDR, BOOKING_ADDR and FADER_DATABASE_URL move them.

ADDR="${ADDR:-${FADER_ADDR:-127.0.0.1:3000}}"
BOOKING_ADDR="${BOOKING_ADDR:-127.0.0.1:3100}"
export FADER_DATABASE_URL="${FADER_DATABASE_URL:-sqlite://$FADER_ROOT/fader.db}"

# The address to type into a browser for an address to listen on.
url_of() {
    local host="${1%:*}" port="${1##*:}"
    case "$host" in 0.0.0.0 | '[::]' | '') host=127.0.0.1 ;; esac
    echo "http://$host:$port"
}

FADER_URL="$(url_of "$ADDR")"
BOOKING_URL="$(url_of "$BOOKING_ADDR")"
export FADER_URL

# Before a build that takes minutes, not after it.
require_free_ports() {
    local url name
    for name in ADDR BOOKING_ADDR; do
        url="$(url_of "${!name}")"
        url="${url#http://}"
        if port_taken "${url%:*}" "${url##*:}"; then
            die "${!name} is taken by another program: stop it, or choose another address with $name=127.0.0.1:4000."
        fi
    done
}

# The booking site's tokens, made once per database and kept where only this user reads them.
tokens_of_booking() {
    local fader="$1" file server client
    file=".fader/booking-$(cksum <<<"$FADER_DATABASE_URL $BOOKING_URL" | cut -d' ' -f1).env"
    if [ "${FADER_DATABASE_URL#sqlite://}" != "$FADER_DATABASE_URL" ] && [ ! -e "${FADER_DATABASE_URL#sqlite://}" ]; then
        rm -f "$file" # they were for a database that is gone
    fi
    if [ ! -e "$file" ]; then
        "$fader" --log warn migrate >/dev/null || return 1
        "$fader" --log warn seed demo >/dev/null || return 1
        server="$("$fader" --log warn token create --kind server --env production --name booking-server)" || return 1
        client="$("$fader" --log warn token create --kind client --env production --name booking-client \
            --origin "$BOOKING_URL" --origin "http://localhost:${BOOKING_ADDR##*:}")" || return 1
        mkdir -p .fader
        (umask 077 && printf 'FADER_SERVER_TOKEN=%q\nFADER_CLIENT_TOKEN=%q\n' "$server" "$client" >"$file.new")
        mv "$file.new" "$file"
    fi
    echo "$file"
}

FADER_PID=""
BOOKING_PID=""
CROWD_PID=""

# start_demo FADER BOOKING: all run when this returns; FADER_PID, BOOKING_PID and CROWD_PID say which they are.
# CUSTOMERS_PER_SECOND moves how many customers come; 0 keeps them away.
start_demo() {
    local fader="$1" booking="$2" tokens key
    tokens="$(tokens_of_booking "$fader")" || return 1
    key="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
    "$fader" --log "${FADER_LOG:-warn}" serve --addr "$ADDR" >/dev/null &
    FADER_PID=$!
    (
        set -a
        # shellcheck disable=SC1090
        . "$tokens"
        # Fader's own public address is no business of the booking site.
        unset FADER_PUBLIC_URL
        export BOOKING_PARTNER_KEY="$key"
        exec "$booking" --addr "$BOOKING_ADDR" --fader-url "$FADER_URL"
    ) >/dev/null &
    BOOKING_PID=$!
    wait_for_http "$FADER_URL/healthz" 30 || return 1
    wait_for_http "$BOOKING_URL/" 30 || return 1
    [ "${CUSTOMERS_PER_SECOND:-12}" != 0 ] || return 0
    BOOKING_PARTNER_KEY="$key" "$fader" --log "${FADER_LOG:-warn}" demo --booking-url "$BOOKING_URL" \
        --per-second "${CUSTOMERS_PER_SECOND:-12}" >/dev/null &
    CROWD_PID=$!
}

stop_demo() {
    local pid
    for pid in $CROWD_PID $FADER_PID $BOOKING_PID; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    FADER_PID=""
    BOOKING_PID=""
    CROWD_PID=""
}

print_demo() {
    printf '\n  Fader         %s\n  Booking demo  %s\n\n' "$FADER_URL" "$BOOKING_URL"
    "$1" --log warn seed demo # which finds the demo there and says whom to sign in as
    printf '\nSimulated customers book all the time. Ctrl-C stops everything.\n'
}
