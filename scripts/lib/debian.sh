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
  PATH="$folder/usr/bin:$folder/usr/sbin:$PATH"
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

# unpack_newer_debian PACKAGE PROGRAM: sees to it that the PROGRAM of Debian's unstable suite, which is newer than this
# machine's and stands beside it, is on PATH as PROGRAM-sid. Returns 1 when it cannot be had.
unpack_newer_debian() {
  local package=$1 program=$2 folder="$root/var/debian/$1-sid"
  if [ ! -d "$folder" ]; then
    command -v apt-get >/dev/null || return 1
    download_newer_debian "$package" "$folder" || return 1
  fi
  mkdir -p "$folder/bin"
  ln -sfn "../usr/bin/$program" "$folder/bin/$program-sid"
  PATH="$folder/bin:$PATH"
  command -v "$program-sid" >/dev/null
}

# The system's own lists, caches and sources are left as they are: apt is given others, below var/debian/apt-sid.
download_newer_debian() {
  local package=$1 folder=$2 apt="$root/var/debian/apt-sid" work log mirror keyring
  mirror=$(own_debian_mirror)
  [ -n "$mirror" ] || return 1
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  echo "deb [signed-by=$keyring] $mirror sid main" >"$apt/sources.list"
  local options=(
    -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root
  )
  work=$(mktemp -d)
  log="$work/log"
  echo "downloading the package $package of Debian's unstable suite ..." >&2
  if ! (cd "$work" && { apt-get "${options[@]}" download "$package" ||
    { apt-get "${options[@]}" update && apt-get "${options[@]}" download "$package"; }; }) >"$log" 2>&1; then
    tail -5 "$log" >&2
    rm -rf "$work"
    return 1
  fi
  dpkg -x "$work"/*.deb "$work/files" && mv "$work/files" "$folder"
  rm -rf "$work"
}

# Where apt gets this machine's own suite from; nothing on a system that is no Debian.
own_debian_mirror() {
  local codename
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null |
    awk -v suite="$codename" '$2 == suite && $1 ~ /\/debian\/?$/ { print $1; exit }'
}

# install_systemd: sees to it that systemd-analyze is there, which judges units; no systemd is started. Installed and not
# unpacked, since it needs libraries of its own. Returns 1 when it cannot be had.
install_systemd() {
  command -v systemd-analyze >/dev/null && return 0
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  echo "installing the Debian package systemd ..." >&2
  { apt_install systemd || { apt-get update && apt_install systemd; }; } >/dev/null 2>&1
}
