#!/bin/sh
# Inside the test machine: the agent's own tests, on this kernel. Results go to /run/out.
cd "$(dirname "$0")/../.." || exit 1
export PANO_PATIENCE=300 PANO_AGENT_LIVES=2 PANO_AGENT_KILLS=2 # an emulated machine is slow
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTEST_PLUGINS=xdist.plugin
uname -r >/run/out/release
.venv/bin/pano-agent run --check --iface lo >/run/out/check 2>&1
echo $? >/run/out/code
grep -q 'missing  kernel' /run/out/check && exit
chosen="test_program or test_choice or matched_is_mirrored or kill_leaves or two_capabilities"
chosen="$chosen or ingress_qdisc or somebody or time_of_the_packet or departure or outlives"
exec .venv/bin/python -m pytest -v --tb=short --durations=15 -p no:cacheprovider \
  --junitxml=/run/out/tests.xml \
  tests/agent/test_program.py tests/agent/test_choice.py tests/agent/test_lab.py \
  tests/agent/test_field.py -k "$chosen" >/run/out/log 2>&1
