#!/usr/bin/env bash
# Makes `--target wasm32-unknown-unknown` work for the toolchain that this checkout uses.
# rustup does it on most machines. Where rustup cannot download, the standard library is built from Debian's
# `rust-src` of the same version. Never both: two copies of it in one toolchain give error E0464.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

target=wasm32-unknown-unknown
have rustc || die "rustc is missing: install Rust from https://rustup.rs, then run this again."
sysroot="$(rustc --print sysroot)" ||
    die "the toolchain named in rust-toolchain.toml is not installed: run \`rustup toolchain install\` in this folder."
version="$(rustc --version | cut -d' ' -f2)"
place="$sysroot/lib/rustlib/$target"

installed() { compgen -G "$place/lib/libcore-*.rlib" >/dev/null; }

by_hand="To get it by hand: \`rustup target add $target\` (or your distribution's package for the wasm target of Rust $version)."

# The machine's own Debian mirror and its key, whichever of the two file formats describes it.
debian_source() {
    local file uris="" signed=""
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -e "$file" ] || continue
        uris="$(awk 'tolower($1)=="uris:" {print $2}' "$file" | grep -E '/debian/?$' | head -1 || true)"
        signed="$(awk 'tolower($1)=="signed-by:" {print $2}' "$file" | head -1)"
        [ -z "$uris" ] || break
    done
    if [ -z "$uris" ] && [ -e /etc/apt/sources.list ]; then
        uris="$(grep -E '^deb ' /etc/apt/sources.list | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -1 | tr -d ' ' || true)"
    fi
    [ -n "$uris" ] || return 1
    printf 'Types: deb\nURIs: %s\nSuites: trixie-backports\nComponents: main\nSigned-By: %s\n' \
        "$uris" "${signed:-/usr/share/keyrings/debian-archive-keyring.gpg}"
}

# Unpacks rust-src of exactly our version into $1. The system's own apt set-up stays as it is: this run has
# its own sources, lists and cache.
fetch_debian_source() {
    local into="$1" apt="$1/apt" opts
    mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial" "$into/deb"
    debian_source >"$apt/sources/backports.sources" || return 1
    opts=(-q -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o "Dir::Etc::sourceparts=$apt/sources"
        -o "Dir::Etc::sourcelist=/dev/null" -o "APT::Sandbox::User=" -o "Acquire::Languages=none")
    apt-get "${opts[@]}" update >&2 || return 1
    (cd "$into/deb" && apt-get "${opts[@]}" download "rust-src=$version*" >&2) || return 1
    dpkg-deb -x "$into"/deb/rust-src_*.deb "$into/tree"
}

build_from_source() {
    local work="$1" link="$sysroot/lib/rustlib/src/rust" staged
    if [ -L "$link" ] && [ ! -e "$link" ]; then
        rm "$link" # left behind by a run that was killed
    fi
    if [ ! -e "$link/library" ]; then
        fetch_debian_source "$work" || return 1
        mkdir -p "$(dirname "$link")"
        ln -s "$work/tree/usr/src/rustc-$version" "$link"
        borrowed_link="$link"
    fi
    mkdir -p "$work/empty/src"
    printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n' >"$work/empty/Cargo.toml"
    echo '#![no_std]' >"$work/empty/src/lib.rs"
    (cd "$work/empty" && RUSTC_BOOTSTRAP=1 RUSTC="$sysroot/bin/rustc" CARGO_TARGET_DIR="$work/build" \
        "$sysroot/bin/cargo" build --quiet --release --target "$target" \
        -Zbuild-std=std,panic_abort,panic_unwind) || return 1

    staged="$sysroot/lib/rustlib/.$target.$$"
    mkdir -p "$staged/lib"
    find "$work/build/$target/release/deps" \( -name '*.rlib' -o -name '*.rmeta' \) ! -name 'libempty-*' \
        -exec cp {} "$staged/lib/" \;
    rm -rf "$place"
    mv "$staged" "$place"
}

clean_up() {
    [ -z "$borrowed_link" ] || rm -f "$borrowed_link"
    rm -rf "$work"
}

if installed; then exit 0; fi

[ -w "$sysroot/lib/rustlib" ] || die "the toolchain in $sysroot is read-only and has no $target. $by_hand"
exec 9>"$sysroot/lib/rustlib/.$target.lock"
flock 9
if installed; then exit 0; fi # another build made it while this one waited

if have rustup; then
    say "adding $target to Rust $version"
    timeout 300 rustup target add "$target" >&2 || say "rustup could not: building it from source instead"
    if installed; then exit 0; fi
fi

borrowed_link=""
work="$(mktemp -d)"
trap clean_up EXIT
if ! { [ -e "$sysroot/lib/rustlib/src/rust/library" ] || { have apt-get && have dpkg-deb; }; }; then
    die "Rust $version has no $target here, and this is no Debian machine to fetch its source from. $by_hand"
fi
build_from_source "$work" ||
    die "$target for Rust $version could not be built: the package rust-src=$version is not in the Debian archive any more, or the network is out of reach. $by_hand"
say "$target for Rust $version is in place"
