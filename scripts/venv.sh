#!/bin/sh
# Makes the virtual environment DIR with a Python that is new enough. Asks nothing; says in one sentence what is missing.
# Usage: scripts/venv.sh DIR
set -eu
dir=$1

say() { printf '%s\n' "$*" >&2; }
fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; }
is_root() { [ "$(id -u)" = 0 ]; }
has_apt() { command -v apt-get >/dev/null 2>&1; }
apt_install() { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2; }

find_python() {
  for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    path=$(command -v "$name" 2>/dev/null) || continue
    if fits "$path"; then printf '%s\n' "$path"; return; fi
  done
  return 1
}

make_with_pip() {  # the ordinary way; needs ensurepip, which Debian keeps in the package python3-venv
  "$1" -c 'import ensurepip, venv' 2>/dev/null && "$1" -m venv --clear "$dir" >/dev/null 2>&1
}

make_with_foreign_pip() {  # no ensurepip, but the system's own pip can furnish the new environment
  "$1" -m pip --version >/dev/null 2>&1 && "$1" -m venv --clear --without-pip "$dir" >/dev/null 2>&1 &&
    "$1" -m pip --python "$dir/bin/python" install -q --disable-pip-version-check pip >/dev/null 2>&1
}

if [ -x "$dir/bin/python" ] && fits "$dir/bin/python" && "$dir/bin/python" -m pip --version >/dev/null 2>&1; then exit 0; fi

if ! python=$(find_python); then
  if is_root && has_apt; then apt_install python3 python3-venv || true; fi
  if ! python=$(find_python); then
    say "Autograd Explorer needs Python 3.11 to 3.14; $(python3 --version 2>/dev/null || echo 'no python3') was found." \
        "Install one and, if it is not called python3, name it: make serve PYTHON=/path/to/python3.12"
    exit 1
  fi
fi

make_with_pip "$python" && exit 0
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if is_root && has_apt; then
  say "python$version cannot make virtual environments yet: installing the package python$version-venv"
  apt_install "python$version-venv" || apt_install python3-venv || true
  make_with_pip "$python" && exit 0
fi
make_with_foreign_pip "$python" && exit 0
rm -rf "$dir"
say "$python cannot make virtual environments. On Debian and Ubuntu this installs what is missing:" \
    "sudo apt-get install python$version-venv"
exit 1
