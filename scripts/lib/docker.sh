# Sourced by scripts/test: a Docker Engine for the container tests. One that answers is used; else, as root on Debian,
# Debian's own is installed and started, and ended with the script.

docker_pid=""

# start_docker: sees to it that an engine answers, with what the tests build images from. Returns 1 when that cannot be.
start_docker() {
  install_docker || return 1
  docker_answers || run_docker || return 1
  # What earlier runs left, of which the name is a newer image's.
  docker image prune --force --filter label=bcs-metric.test >/dev/null
}

run_docker() {
  local log="$root/var/dockerd.log" attempt
  mkdir -p "$root/var"
  # A group of its own: Ctrl-C reaches the tests first, which remove their containers.
  setsid dockerd >"$log" 2>&1 &
  docker_pid=$!
  for attempt in $(seq 60); do
    docker_answers && return 0
    kill -0 "$docker_pid" 2>/dev/null || break
    sleep 0.5
  done
  echo "dockerd does not start:" >&2
  tail -n 5 "$log" >&2
  stop_docker
  return 1
}

# stop_docker: ends the engine that start_docker has started, if it has.
stop_docker() {
  [ -n "$docker_pid" ] || return 0
  kill "$docker_pid" 2>/dev/null || true
  wait "$docker_pid" 2>/dev/null || true
  docker_pid=""
}

docker_answers() {
  command -v docker >/dev/null && docker version >/dev/null 2>&1
}

install_docker() {
  local missing=()
  # busybox-static is the shell of the images, which no registry gives.
  [ -x /bin/busybox ] || missing+=(busybox-static)
  if ! docker_answers; then
    command -v docker >/dev/null && command -v dockerd >/dev/null || missing+=(docker.io)
    command -v iptables >/dev/null || missing+=(iptables)
  fi
  [ ${#missing[@]} = 0 ] && return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "no root on Debian, and so no ${missing[*]}" >&2
    return 1
  fi
  echo "installing the Debian packages ${missing[*]} ..." >&2
  local log code=0
  log=$(mktemp)
  # The engine is started here and not by the package: this machine may have no init that could.
  { apt_install "${missing[@]}" || { apt-get update && apt_install "${missing[@]}"; }; } >"$log" 2>&1 || code=1
  [ "$code" = 0 ] || tail -n 5 "$log" >&2
  rm -f "$log"
  return "$code"
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-install-recommends "$@"
}
