#!/usr/bin/env bash
# A throw-away PostgreSQL for tests, on a free port of the loopback address:
#   scripts/postgres.sh with COMMAND…   runs the command with its URL in FADER_TEST_POSTGRES_URL, then removes it
#   scripts/postgres.sh start           prints the URL
#   scripts/postgres.sh database URL    makes a fresh database behind the URL that start printed, and prints its URL
#   scripts/postgres.sh stop URL
# With FADER_TEST_POSTGRES_TLS=1 it speaks TLS, with a certificate for localhost by ca.crt in its folder; other-ca.crt made none.
# It does not survive a power cut (fsync is off), and nothing but tests may use it.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

# Debian keeps the server's programs out of PATH, in one folder per version.
bin="$(compgen -G '/usr/lib/postgresql/*/bin' | sort --version-sort | tail -1 || true)"
[ -n "$bin" ] || bin="$(dirname "$(command -v initdb || die "PostgreSQL is missing: install it (Debian: postgresql).")")"

# PostgreSQL refuses to run as root.
unprivileged() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
    elif id postgres >/dev/null 2>&1; then
        runuser -u postgres -- "$@"
    else
        runuser -u nobody -- "$@"
    fi
}

# The port is in the folder's name, so that a URL is all that `stop` needs.
folder_of() { echo "${TMPDIR:-/tmp}/fader-postgres-$1"; }

# A key and a certificate of its own for this name: CAs of a test.
ca() {
    unprivileged openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$2" \
        -keyout "$1/$2.key" -out "$1/$2.crt" 2>>"$1/openssl.log"
}

certificates() {
    local folder="$1"
    ca "$folder" ca || return 1
    ca "$folder" other-ca || return 1
    unprivileged openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
        -keyout "$folder/server.key" -out "$folder/server.csr" 2>>"$folder/openssl.log" || return 1
    printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' | unprivileged tee "$folder/server.ext" >/dev/null
    unprivileged openssl x509 -req -in "$folder/server.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial \
        -days 2 -extfile "$folder/server.ext" -out "$folder/server.crt" 2>>"$folder/openssl.log"
}

start() {
    local port folder password tls=""
    port="$(free_port)"
    folder="$(folder_of "$port")"
    password="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
    unprivileged mkdir -m 700 "$folder"
    # A later user of this machine must not become the superuser just because a test is running.
    printf '%s\n' "$password" | unprivileged tee "$folder/password" >/dev/null
    if [ "${FADER_TEST_POSTGRES_TLS:-0}" = 1 ]; then
        (cd / && certificates "$folder") || {
            cat "$folder/openssl.log" >&2
            rm -rf "$folder"
            die "openssl made no certificates."
        }
        tls="-c ssl=on -c ssl_cert_file=$folder/server.crt -c ssl_key_file=$folder/server.key"
    fi
    if ! (cd / && unprivileged "$bin/initdb" --pgdata "$folder/data" --username postgres --pwfile "$folder/password" \
        --auth scram-sha-256 --encoding UTF8 --no-locale --no-sync >"/dev/null") ||
        ! (cd / && unprivileged "$bin/pg_ctl" --pgdata "$folder/data" --log "$folder/log" --wait --silent start \
            --options "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories='' \
            -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 $tls"); then
        cat "$folder/log" >&2 2>/dev/null || true
        rm -rf "$folder"
        die "PostgreSQL did not start."
    fi
    echo "postgres://postgres:$password@127.0.0.1:$port/postgres"
}

stop() {
    local port folder
    port="$(sed -E 's#.*:([0-9]+)/.*#\1#' <<<"$1")"
    folder="$(folder_of "$port")"
    [ -d "$folder/data" ] || die "no PostgreSQL of ours behind that URL."
    (cd / && unprivileged "$bin/pg_ctl" --pgdata "$folder/data" --mode immediate --silent stop) || true
    rm -rf "$folder"
}

database() {
    local name
    name="fader_$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')"
    "$bin/psql" --quiet --no-psqlrc "$1" --command "CREATE DATABASE $name TEMPLATE template0" >&2
    echo "${1%/*}/$name"
}

case "${1:-}" in
start) start ;;
database) database "${2:?the URL that start printed}" ;;
stop) stop "${2:?the URL that start printed}" ;;
with)
    shift
    FADER_TEST_POSTGRES_URL="$(start)"
    export FADER_TEST_POSTGRES_URL
    trap 'stop "$FADER_TEST_POSTGRES_URL"' EXIT
    "$@"
    ;;
*) die "usage: scripts/postgres.sh with COMMAND… | start | database URL | stop URL" ;;
esac
