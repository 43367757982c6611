# shellcheck shell=bash
# What the scripts beside this file share. Source it; it changes to the repository's root.

SELF=$(readlink -f "$0")
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT" || exit 1
# The crash reporter waits for a terminal when output is a pipe; a core's log line is enough here.
export SWIFT_BACKTRACE="${SWIFT_BACKTRACE:-enable=no}"

say() { printf '%s\n' "== $*" >&2; }
die() { printf '%s\n' "$(basename "$0"): $*" >&2; exit 1; }
# The comment block at the top of a script is its usage text.
usage() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$SELF"; }

# Installs those of the named Debian packages that are missing, and says so.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' \
            || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    command -v apt-get >/dev/null || die "please install: ${missing[*]}"
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "please install as root: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    say "installing Debian packages: ${missing[*]}"
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq \
        --no-install-recommends "${missing[@]}" >/dev/null
}

BUILD_PACKAGES=(libsqlite3-dev libzstd-dev)
need_toolchain() {
    command -v swift >/dev/null || die "no Swift toolchain found; install Swift 6.2 or later"
    need_packages "${BUILD_PACKAGES[@]}"
}

# Builds the executable (release or debug) and prints its path.
build_martlet() {
    local configuration=$1
    say "building martlet ($configuration)"
    # A function called in $(…) does not inherit errexit.
    swift build -c "$configuration" --product martlet >&2 || return 1
    echo "$(swift build -c "$configuration" --show-bin-path)/martlet"
}

# The executable built last, or nothing.
built_martlet() {
    local found
    # shellcheck disable=SC2012  # the paths are our own; ls sorts them by time
    found=$(ls -t .build/release/martlet .build/debug/martlet 2>/dev/null | head -n 1)
    [ -z "$found" ] || echo "$ROOT/$found"
}
