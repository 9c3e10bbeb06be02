# shellcheck shell=bash
# Sourced by the scripts, which then stand in the repository's root. `use_venv EXTRA` puts first on
# PATH a virtual environment that holds the project with that extra. It is .venv, made with the
# first suitable Python; PYTHON=python3.12 asks for that one, in .venv-3.12. pip's PIP_CONSTRAINT, a
# file of versions, asks for those, in one of its own too, and so does `use_venv EXTRA own`.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
export PIP_DISABLE_PIP_VERSION_CHECK=1

fail() {
  printf '%s: %s\n' "$0" "$*" >&2
  exit 1
}

find_python() {
  local candidate candidates=(python3 python3.13 python3.12 python3.11 python3.10)
  [[ -z ${PYTHON:-} ]] || candidates=("$PYTHON")
  for candidate in "${candidates[@]}"; do
    # Only a run tells: pyenv puts a shim on PATH also for a version that is not active.
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  fail "needs Python 3.10 or newer, tried ${candidates[*]}. Name one: PYTHON=/path/to/python3 $0"
}

use_venv() {
  local extra=$1 python venv=.venv base wanted
  python=$(find_python)
  [[ -z ${2:-} ]] || venv+=-$extra
  [[ -z ${PYTHON:-} ]] || venv+=-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  [[ -z ${PIP_CONSTRAINT:-} ]] || venv+=-$(basename "$PIP_CONSTRAINT" .txt)
  base="$PWD $("$python" -c 'import sys; print(sys.base_prefix, sys.version)')"
  wanted="$base $(cat pyproject.toml "${PIP_CONSTRAINT:-/dev/null}" | cksum)"
  (
    # Two scripts started together on a fresh clone must not install at the same time.
    if command -v flock >/dev/null; then flock 9; fi
    [[ $(cat "$venv/.holds-$extra" 2>/dev/null) == "$wanted" ]] && exit
    echo "Installing napixd-store[$extra] into $venv (at first use, and when pyproject.toml changes)" >&2
    if [[ $(cat "$venv/.made-for" 2>/dev/null) != "$base" ]]; then
      "$python" -m venv --clear "$venv" || "$python" -m virtualenv --clear --quiet "$venv" ||
        fail "$python cannot make $venv. On Debian and Ubuntu: apt-get install python3-venv"
      echo "$base" >"$venv/.made-for"
    fi
    "$venv/bin/python" -m pip install --quiet --editable ".[$extra]"
    echo "$wanted" >"$venv/.holds-$extra"
  ) 9>>"$venv.lock"
  export PATH="$PWD/$venv/bin:$PATH"
}
