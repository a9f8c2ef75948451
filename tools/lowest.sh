#!/usr/bin/env bash
# Run what touches libraries with the oldest ones that pyproject.toml allows, in .venv-lowest.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "lowest: installing the oldest allowed Python packages into .venv-lowest"
[ -x .venv-lowest/bin/python ] || .venv/bin/uv venv --quiet --python .venv/bin/python .venv-lowest
.venv/bin/uv pip install --quiet --python .venv-lowest/bin/python \
  --resolution lowest-direct --editable ".[all]" --group dev
.venv-lowest/bin/python -m pytest -q \
  tests/bridge/test_run.py tests/bridge/test_server.py tests/bridge/test_checkpoint.py \
  tests/bridge/test_dns.py tests/transports/test_zeek_sources.py \
  tests/transports/test_kafka_source.py tests/transports/test_relay.py
