#!/usr/bin/env bash
# Gets the scenarios of CrowdSec's hub, as they were at one commit, for the tests of
# the files that operators have. Nothing of it is part of this module.
#
#   fetch.sh [FOLDER]    prints FOLDER; default: ~/.cache/tocsin/hub-COMMIT
set -euo pipefail

commit=b03cb59b2131ebfc5300f5f14828e29967efd1a5 # of 22 August 2026
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/tocsin/hub-$commit}
if [ -d "$folder/scenarios" ]; then
  echo "$folder"
  exit 0
fi
mkdir -p "$folder"
work=$(mktemp -d "$folder/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
curl --silent --show-error --fail --location --connect-timeout 5 --max-time 120 --output "$work/hub.tar.gz" \
  "https://codeload.github.com/crowdsecurity/hub/tar.gz/$commit"
tar -xzf "$work/hub.tar.gz" -C "$work" --strip-components=1 --wildcards '*/scenarios/*'
mv -T "$work/scenarios" "$folder/scenarios"
echo "$folder"
