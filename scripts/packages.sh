#!/usr/bin/env bash
# Installs the system packages that a purpose needs and that are missing: `scripts/packages.sh build|test`.
# Debian-like and root: through apt-get. Anywhere else: a sentence that says what to install.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

missing=()
# need PACKAGE CONDITION…: the package is wanted unless the condition holds.
need() {
    local package="$1"
    shift
    "$@" || missing+=("$package")
}
postgres_present() { have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
venv_present() { have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; }
shell_known() { apt-cache show chromium-headless-shell >/dev/null 2>&1; }
chromium_present() { [ -n "${FADER_CHROMIUM:-}" ] || have chromium-headless-shell || { have chromium && ! shell_known; }; }

need build-essential have cc
need curl have curl
need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
need nodejs have node
need npm have npm
case "${1:-build}" in
build) ;;
test)
    # The engine of the fuzz targets is C++.
    need g++ have c++
    need openssl have openssl
    # Half the work of the whole browser, which is most of what browser tests take.
    need chromium-headless-shell chromium_present
    need postgresql postgres_present
    need python3-venv venv_present
    ;;
*) die "usage: scripts/packages.sh build|test" ;;
esac

[ "${#missing[@]}" -gt 0 ] || exit 0
have apt-get || die "please install what Debian calls ${missing[*]}, then run this again."
[ "$(id -u)" = 0 ] || die "please run \`sudo apt-get install ${missing[*]}\`, then run this again."
apt-get update -q >&2
# Not everywhere is the browser without its windows a package of its own.
if ! shell_known; then
    missing=("${missing[@]/chromium-headless-shell/chromium}")
fi
say "installing ${missing[*]}"
# Debian's postgresql package starts a cluster of its own on installation; tests bring theirs.
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
