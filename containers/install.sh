#!/bin/sh
# Installs the versions of requirements.lock ($1) into /opt/environment, on Debian; for both recipes beside this file.
set -eu
lock=$1

apt-get update
apt-get install --yes --no-install-recommends ca-certificates git python3 python3-venv
rm -rf /var/lib/apt/lists/*

# The CUDA libraries are left to PyTorch, which asks for them where its build is one for NVIDIA GPUs; the lock pins
# their versions.
requirements=$(mktemp)
grep --invert-match --extended-regexp '^(cuda-|nvidia-|triton)' "$lock" > "$requirements"
python3 -m venv /opt/environment
/opt/environment/bin/pip install --no-cache-dir --requirement "$requirements" --constraint "$lock"
/opt/environment/bin/pip check
rm "$requirements"
