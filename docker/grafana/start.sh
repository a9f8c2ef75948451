# Starts Grafana. The first start makes the admin's password, prints it once and keeps it in the volume;
# whoever only looks needs none (anonymous viewers).
set -eu
secret=/var/lib/grafana/admin-password
if [ ! -s "$secret" ]; then
  (umask 077 && head -c 18 /dev/urandom | base64 >"$secret")
  echo "pano: Grafana's user admin has the password $(cat "$secret")"
fi
GF_SECURITY_ADMIN_PASSWORD__FILE=$secret exec /run.sh "$@"
