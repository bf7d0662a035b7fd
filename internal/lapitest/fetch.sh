#!/usr/bin/env bash
# Gets Debian's CrowdSec for the tests against the real server, and its bouncer for
# scripts, without installing them: each package is downloaded and unpacked, none of its scripts is
# run, and nothing outside the folder is touched. Needs apt-get, dpkg-deb, flock.
#
#   fetch.sh [FOLDER]    prints FOLDER; default: ~/.cache/tocsin/crowdsec
set -eu

folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/tocsin/crowdsec}
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac

mkdir -p "$folder"
# Several test runs may call this at once: the first one works, the others wait.
exec 9>"$folder/.lock"
flock 9
server=no bouncer=no
[ -x "$folder/usr/bin/crowdsec" ] && [ -x "$folder/usr/bin/cscli" ] || server=yes
[ -x "$folder/usr/bin/crowdsec-custom-bouncer" ] || bouncer=yes
if [ $server$bouncer = nono ]; then
  echo "$folder"
  exit 0
fi

work=$(mktemp -d "$folder/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p lists/partial cache/archives/partial root

apt() { apt-get -qq -o APT::Sandbox::User= -o Acquire::Retries=2 "$@"; }
# Lists of our own, for a machine that has none, or where we may not write them.
own() { apt -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" "$@"; }
download() {
  apt download "$1" >>apt.log 2>&1 && return
  [ -e lists/lock ] || own update >>apt.log 2>&1 || true
  own download "$1" >>apt.log 2>&1 && return
  cat apt.log >&2
  echo "fetch.sh: cannot download the Debian package $1" >&2
  return 1
}

if [ $bouncer = yes ]; then
  download crowdsec-custom-bouncer
  dpkg-deb -x crowdsec-custom-bouncer*.deb bouncer
  mkdir -p "$folder/usr/bin"
  mv bouncer/usr/bin/crowdsec-custom-bouncer "$folder/usr/bin/"
  rm crowdsec-custom-bouncer*.deb
fi
if [ $server = no ]; then
  echo "$folder"
  exit 0
fi

download crowdsec
# The one library it needs that a minimal system lacks.
ls /lib/*/libsqlite3.so.0 /usr/lib/*/libsqlite3.so.0 >/dev/null 2>&1 || download libsqlite3-0
for deb in *.deb; do dpkg-deb -x "$deb" root; done
# crowdsec goes last, since it is what tells that the folder is complete.
mkdir -p "$folder/usr/bin"
for part in root/usr/*; do
  [ "$part" = root/usr/bin ] && continue
  rm -rf "$folder/usr/${part##*/}"
  mv "$part" "$folder/usr/"
done
mv root/usr/bin/cscli "$folder/usr/bin/"
mv root/usr/bin/crowdsec "$folder/usr/bin/"
echo "$folder"
