# Sourced by the scripts: installs what is needed and chooses a runtime. Needs any Node >= 20 with npm, or Deno.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Installs the npm packages of the lock file, unless they are there already.
install_packages() {
  local stamp="$root/node_modules/.package-lock.json"
  [ -e "$stamp" ] && [ ! "$root/package-lock.json" -nt "$stamp" ] && return 0
  command -v npm >/dev/null || fail "npm is needed to install the packages; install Node.js 20 or newer"
  echo "installing npm packages ..." >&2
  local log
  log=$(mktemp)
  # Not npm ci: it refuses a lock file without the binaries of platforms that a mirror does not carry, and nobody here
  # needs those. --no-save keeps to the lock file and leaves it as it is.
  if ! (cd "$root" && npm install --no-save --loglevel=error >"$log" 2>&1); then
    cat "$log" >&2
    fail "npm install failed"
  fi
  rm -f "$log"
  touch "$stamp"
}

# Sets PATH so that `node` and `deno` are the project's own, where it has them for this machine.
use_runtimes() {
  local folder
  for folder in "$root"/node_modules/node-linux-*/bin "$root"/node_modules/@deno/linux-*-glibc; do
    [ -d "$folder" ] && PATH="$folder:$PATH"
  done
  export PATH="$root/node_modules/.bin:$PATH"
}

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}
