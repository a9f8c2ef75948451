#!/usr/bin/env bash
# Images under official names for an engine that can pull nothing (engine.sh), pushed to its registry,
# which it takes for the official one's mirror. What stands in for what:
#
#   debian:bookworm-slim   debootstrap's minbase of Debian bookworm, with this host's authorities
#   zeek/zeek              this host's Zeek ($ZEEK_HOME, /opt/zeek) and zkg from PyPI
#   prom/prometheus        Debian's package (2.42)
#   apache/kafka           Kafka's jars from Maven, started by the official image's own wrapper class
#   grafana/grafana        no Grafana at all: a page that says ok at /api/health
#
# Tags are those that docker/ asks for. Run it by `engine.sh run`, as root.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$here/../..
folder=${PANO_ENGINE:-/var/tmp/pano-engine}
registry=127.0.0.1:5000
export DOCKER_HOST=unix://$folder/run/docker.sock
mkdir -p "$folder"/standins

tag_of() { # NAME: as docker/ pins it
  grep -rhoE "$1:[A-Za-z0-9._-]+" "$root/docker/compose.yaml" "$root"/docker/*/Dockerfile | head -1
}

publish() { # LOCAL OFFICIAL
  docker tag "$1" "$registry/$2" && docker push -q "$registry/$2" >/dev/null && docker image rm "$registry/$2" >/dev/null
  echo "standins: $2"
}

debian() {
  [ -d "$folder/base" ] || debootstrap --variant=minbase bookworm "$folder/base" >/dev/null
  rm -rf "$folder"/base/var/cache/apt/archives/*.deb "$folder"/base/var/lib/apt/lists/* \
    "$folder"/base/usr/share/{doc,man,locale}/*
  install -D /etc/ssl/certs/ca-certificates.crt "$folder/base/usr/local/share/ca-certificates/host.crt"
  install -D /etc/ssl/certs/ca-certificates.crt "$folder/base/etc/ssl/certs/ca-certificates.crt"
  tar -C "$folder/base" -c . | docker import -c 'CMD ["bash"]' - standin/debian >/dev/null
  publish standin/debian library/debian:bookworm-slim
}

build() { # OFFICIAL CONTEXT, Dockerfile on stdin
  docker build -q -t "standin/${1%%/*}" -f - "$2" >/dev/null
  publish "standin/${1%%/*}" "$1"
}

zeek() {
  build "$(tag_of zeek/zeek)" "${ZEEK_HOME:-/opt/zeek}" <<'DOCKERFILE'
FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates git libpcap0.8 \
 libssl3 zlib1g libmaxminddb0 libkrb5-3 libgssapi-krb5-2 libzmq5 libpython3.11 python3-pip python3-git \
 python3-semantic-version >/dev/null \
 && rm -rf /var/lib/apt/lists/* && pip install -q --break-system-packages --root-user-action=ignore zkg
COPY . /opt/zeek
RUN ln -s /opt/zeek /usr/local/zeek
ENV PATH=/usr/local/zeek/bin:$PATH
DOCKERFILE
}

prometheus() {
  build "$(tag_of prom/prometheus)" "$here" <<'DOCKERFILE'
FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus wget >/dev/null \
 && rm -rf /var/lib/apt/lists/* && install -d -o nobody -g nogroup /prometheus \
 && ln -s /usr/bin/prometheus /usr/bin/promtool /bin/ 2>/dev/null || :
USER nobody
VOLUME /prometheus
WORKDIR /prometheus
ENTRYPOINT ["/usr/bin/prometheus"]
DOCKERFILE
}

kafka() {
  local jars=$folder/standins/kafka
  mvn -q -f "$root/tests/transports/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars" >/dev/null
  rm -f "$jars"/slf4j-nop-*.jar
  cp "$here/kafka-run" "$jars/run"
  build "$(tag_of apache/kafka)" "$jars" <<'DOCKERFILE'
FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless \
 netcat-openbsd >/dev/null && rm -rf /var/lib/apt/lists/* && useradd -m -s /bin/bash appuser \
 && install -d -o appuser /var/lib/kafka/data /opt/kafka/config /etc/kafka/docker /mnt/shared/config
COPY . /opt/kafka/libs
RUN mv /opt/kafka/libs/run /etc/kafka/docker/run \
 && printf 'process.roles=broker,controller\n' > /etc/kafka/docker/server.properties \
 && touch /etc/kafka/docker/log4j2.yaml /etc/kafka/docker/tools-log4j2.yaml
USER appuser
VOLUME ["/var/lib/kafka/data", "/mnt/shared/config"]
CMD ["/etc/kafka/docker/run"]
DOCKERFILE
}

grafana() {
  build "$(tag_of grafana/grafana)" "$here" <<'DOCKERFILE'
FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 wget >/dev/null \
 && rm -rf /var/lib/apt/lists/* && useradd -u 472 -g 0 grafana \
 && install -d -o 472 -g 0 /var/lib/grafana /srv/api && echo ok > /srv/api/health \
 && printf '#!/bin/sh\nexec python3 -m http.server -d /srv 3000\n' > /run.sh && chmod 755 /run.sh
USER 472:0
ENTRYPOINT ["/run.sh"]
DOCKERFILE
}

for image in "${@:-debian zeek prometheus kafka grafana}"; do
  for one in $image; do "$one"; done
done
