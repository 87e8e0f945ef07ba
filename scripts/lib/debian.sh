# Sourced by the scripts: programs of Debian packages for tests and benchmarks, unpacked into var/debian without
# being installed, so that none of their services starts.

# unpack_debian PACKAGE PROGRAM: sees to it that PROGRAM is on PATH. Returns 1 when it cannot be had.
unpack_debian() {
  local package=$1 program=$2 folder="$root/var/debian/$1"
  if [ ! -d "$folder" ]; then
    if command -v "$program" >/dev/null; then return 0; fi
    command -v apt-get >/dev/null || return 1
    download_debian "$package" "$folder" || return 1
  fi
  PATH="$folder/usr/bin:$PATH"
  command -v "$program" >/dev/null
}

download_debian() {
  local package=$1 folder=$2 work log
  work=$(mktemp -d)
  log="$work/log"
  echo "downloading the Debian package $package ..." >&2
  if ! (cd "$work" && { apt-get download "$package" || { apt-get update && apt-get download "$package"; }; }) >"$log" 2>&1; then
    tail -5 "$log" >&2
    rm -rf "$work"
    return 1
  fi
  mkdir -p "$(dirname "$folder")"
  dpkg -x "$work"/*.deb "$work/files" && mv "$work/files" "$folder"
  rm -rf "$work"
}
