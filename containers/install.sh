#!/bin/sh
# Installs the versions of requirements.lock ($1) into /opt/environment, on Debian; for both recipes beside this file.
set -eu
lock=$1

apt-get update
apt-get install --yes --no-install-recommends ca-certificates git python3 python3-venv
rm -rf /var/lib/apt/lists/*

python3 -m venv /opt/environment
/opt/environment/bin/pip install --no-cache-dir --require-hashes --requirement "$lock"
/opt/environment/bin/pip check
