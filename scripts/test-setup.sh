#!/bin/sh
# Installs what the tests need beyond Rust, Node.js and Python: Chromium for the page's tests, curl for the commands of
# the documentation, LibreOffice and Poppler, which open exported files, the Python packages of the independent verifier
# and of DuckDB in .cache/venv, and a certificate authority in .cache/acme. Does nothing where it is all there.
set -eu
cd "$(dirname "$0")/.."

missing=
for program in cargo node npm python3 cc; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
if [ -n "$missing" ]; then
    echo "error: the tests need:$missing" >&2
    echo "hint: Rust 1.95 from https://rustup.rs, Node.js 20.19 or newer, Python 3.9 or newer, a C compiler" >&2
    exit 2
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 1; fi
}

chromium() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

wanted=
chromium >/dev/null || wanted="chromium fonts-noto-core"
command -v curl >/dev/null || wanted="$wanted curl ca-certificates"
# Programs of other people that open what is exported.
command -v soffice >/dev/null || wanted="$wanted libreoffice-calc-nogui"
command -v pdftoppm >/dev/null || wanted="$wanted poppler-utils"
if [ -n "$wanted" ]; then
    if ! command -v apt-get >/dev/null; then
        echo "error: the tests need $wanted, and there is no apt-get to install it with" >&2
        echo "hint: install Chromium and curl so that they are in the PATH, then run make test again" >&2
        exit 2
    fi
    echo "installing for the tests: $wanted" >&2
    # shellcheck disable=SC2086 # a list of words
    if ! { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends $wanted; }; then
        echo "error: these could not be installed: $wanted" >&2
        echo "hint: run as root: apt-get update && apt-get install $wanted; then make test again" >&2
        exit 2
    fi
fi

# A venv of our own, unless the system's Python has the package already.
has_packages() {
    "$1" -c 'import cryptography.hazmat.primitives.asymmetric.ed25519, duckdb' 2>/dev/null
}
if ! has_packages .cache/venv/bin/python && ! has_packages python3; then
    mkdir -p .cache
    if ! python3 -m venv --clear .cache/venv; then
        echo "error: Python can't make a virtual environment" >&2
        echo "hint: on Debian: apt-get install python3-venv; or: apt-get install python3-cryptography" >&2
        exit 2
    fi
    .cache/venv/bin/python -m pip install --quiet --requirement tools/requirements.txt
fi

# The certificate authority that the tests of ACME ask, with what it needs in a venv of its own.
if ! .cache/acme/bin/python -c 'import acme2certifier' 2>/dev/null; then
    mkdir -p .cache
    if ! python3 -m venv --clear .cache/acme; then
        echo "error: Python can't make a virtual environment" >&2
        echo "hint: on Debian: apt-get install python3-venv" >&2
        exit 2
    fi
    .cache/acme/bin/python -m pip install --quiet --requirement tools/acme/requirements.txt
fi
