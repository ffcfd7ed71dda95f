#!/usr/bin/env bash
# Sets up everything that working on convviz needs: the system libraries of manim's parts, .venv, and
# convviz in it with the extras named by the first argument (default: all,dev,docs); for dev also node, npm and Chromium
# with what they need, where that is possible. A second run does nothing until what the set-up depends on changes.
# PYTHON=/path/to/python3.x chooses the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

extras=${1:-all,dev,docs}
stamp=.venv/.convviz-setup-$extras
npm_folders='tests/browser convviz/explorer/page'  # the browser's tests, and the sources of the explorer's page

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# What the finished set-up depends on. The folder is part of it: neither a venv nor an editable install moves.
key() {
  {
    cat pyproject.toml constraints.txt tools/setup.sh; pwd; .venv/bin/python -VV
    for folder in $npm_folders; do cat "$folder/package-lock.json"; ls "$folder/node_modules"; done || true
    command -v node npm "${CHROMIUM:-chromium}" || true
  } 2>&1 | cksum
}

if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(key)" ]; then
  say "nothing to do (.venv has convviz[$extras])"
  exit 0
fi

# --- what is missing on this machine -----------------------------------------------------------------

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
    if new_enough "$candidate"; then echo "$candidate"; return 0; fi
  done
}

has_headers() {
  "$1" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
}

missing_packages() {  # by their Debian names
  local version
  command -v pkg-config >/dev/null || echo pkg-config
  pkg-config --exists cairo 2>/dev/null || echo libcairo2-dev
  pkg-config --exists pangocairo 2>/dev/null || echo libpango1.0-dev
  { command -v cc && command -v c++; } >/dev/null || echo build-essential
  if [ -z "$python" ]; then
    echo python3 python3-dev python3-venv
  else
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    # Debian splits its own Python in parts; any other one is complete or cannot be completed by apt.
    case $("$python" -c 'import sys; print(sys.base_prefix)') in
      /usr)
        has_headers "$python" || echo "$version-dev"
        "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "$version-venv"
        ;;
    esac
  fi
}

apt_install() {  # as root or by sudo without a password; fails where neither is possible
  local as_root
  command -v apt-get >/dev/null || return 1
  if [ "$(id -u)" = 0 ]; then as_root=
  elif sudo -n true 2>/dev/null; then as_root='sudo -n'
  else return 1
  fi
  say "apt-get install $*"
  $as_root apt-get update -qq || say 'apt-get update failed; trying with the lists that are there'
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

need_python() {
  local found
  found=$("${PYTHON:-python3}" -V 2>/dev/null) || found="${PYTHON:-python3}, which does not run"
  fail "convviz needs Python 3.11 or later, not $found; name another: make setup PYTHON=/path/to/python3.11"
}

python=$(find_python)
if [ -z "$python" ] && { [ -n "${PYTHON:-}" ] || command -v python3 >/dev/null; }; then need_python; fi
missing=$(missing_packages | xargs)
if [ -n "$missing" ]; then
  # shellcheck disable=SC2086  # a list of words
  if ! apt_install $missing; then
    case $(uname -s) in
      Darwin) how='brew install cairo pango pkg-config; xcode-select --install' ;;
      *) if command -v apt-get >/dev/null; then how="sudo apt-get install $missing"
         else how='the development files of cairo and pango, pkg-config, a C and C++ compiler and Python headers'
         fi ;;
    esac
    fail "this machine lacks $missing (manim's parts are built with them); install them and run this again: $how"
  fi
  python=$(find_python)
fi
[ -n "$python" ] || need_python
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail "$python cannot make a virtual environment (no venv or ensurepip); on Debian: sudo apt-get install python3-venv"

# --- the environment ---------------------------------------------------------------------------------

if ! new_enough .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  say "making .venv with $("$python" -V)"
  "$python" -m venv --clear .venv
fi
say "installing convviz[$extras]; the first time takes minutes"
PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install -q -c constraints.txt -e ".[$extras]"

# --- the browser: what the explorer's tests drive, and what builds its page; convviz itself needs none of it --------

browser_lacks() {  # by their Debian names
  command -v node >/dev/null || echo nodejs
  command -v npm >/dev/null || echo npm
  { command -v "${CHROMIUM:-chromium}" || command -v chromium-browser || command -v google-chrome; } >/dev/null ||
    echo chromium
}

set_up_browser() {
  local lacks folder
  lacks=$(browser_lacks | xargs)
  # shellcheck disable=SC2086  # a list of words
  if [ -n "$lacks" ] && ! apt_install $lacks; then
    say "this machine lacks $lacks: the explorer's tests in a browser will be skipped; install them and run this again"
  fi
  command -v npm >/dev/null || return 0
  for folder in $npm_folders; do
    [ -f "$folder/package-lock.json" ] || continue
    npm ci --silent --no-audit --no-fund --prefix "$folder" >/dev/null 2>&1 ||
      say "npm ci failed in $folder: what needs it will be skipped"
  done
}

case ,$extras, in *,dev,*) set_up_browser ;; esac

key >"$stamp"
say "done: $(.venv/bin/python -V) in .venv, convviz[$extras]"
