#!/usr/bin/env bash
# Make this tree the named version: in the package, the Kubernetes objects and the changelog.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:-}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+((a|b|rc)[0-9]+)?$ ]] ||
  { echo "usage: make version VERSION=1.2.3 (or 1.2.3rc1)" >&2 && exit 2; }
grep -q '^## \[Unreleased\]' CHANGELOG.md ||
  { echo "version: CHANGELOG.md has no section [Unreleased]" >&2 && exit 1; }
! grep -qF "## [$version]" CHANGELOG.md ||
  { echo "version: CHANGELOG.md has $version already" >&2 && exit 1; }

sed -i "s/^__version__ = .*/__version__ = \"$version\"/" pano_glue/__init__.py
sed -i "s/newTag: .*}/newTag: $version}/" docker/k8s/base/kustomization.yaml
today=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%F)
sed -i "s/^## \[Unreleased\]/&\n\n## [$version] - $today/" CHANGELOG.md
echo "Now: git commit -am 'release: $version' && git tag -a v$version -m v$version && git push --follow-tags"
