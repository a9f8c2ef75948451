#!/bin/bash
# Records real traffic: dnsperf asks two nsd servers over UDP, TCP, IPv4 and IPv6; the second one
# limits its rate, so that queries stay unanswered. Needs root, nsd, dnsperf, tcpdump.
#
#     tests/data/lab.sh FILE.pcap [QUERIES [RATE]]
#
# QUERIES (1000) in each of three workloads at RATE (2000) a second; the fourth, at 200 a second,
# asks the second server for six seconds at most.
set -euo pipefail
out=$(realpath "$1")
queries=${2:-1000} rate=${3:-2000}
work=$(mktemp -d)
client=pzk-client server=pzk-server

end() {
	for pid in "$work"/*.pid; do [ ! -f "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || true; done
	for space in $client $server; do ip netns del $space 2>/dev/null || true; done
	rm -rf "$work"
}
trap end EXIT

ip netns add $client
ip netns add $server
ip link add pzkc netns $client type veth peer name pzks netns $server
for end in "$client pzkc 1" "$server pzks 2"; do
	read -r space link number <<<"$end"
	ip -n $space link set $link up
	ip -n $space addr add 10.77.0.$number/24 dev $link
	ip -n $space addr add fd77::$number/64 dev $link nodad
done
ip -n $server addr add 10.77.0.3/24 dev pzks

{
	echo '$ORIGIN example.org.'
	echo '$TTL 300'
	echo '@ SOA ns hostmaster 1 3600 600 86400 60'
	echo '@ NS ns'
	echo '@ MX 10 mail'
	echo '@ TXT "v=spf1 -all"'
	echo '_sip._udp SRV 1 2 5060 mail'
	echo 'svc HTTPS 1 . alpn=h2'
	echo 'caa CAA 0 issue "ca.example"'
	echo 'www CNAME mail'
	echo '*.any A 192.0.2.77'
	for host in ns mail; do echo "$host A 192.0.2.9"; echo "$host AAAA 2001:db8::9"; done
	for n in {0..29}; do echo "big TXT \"$n $(printf 'x%.0s' {1..100})\""; done
	for n in {0..99}; do echo "h$n A 192.0.2.$n"; echo "h$n AAAA 2001:db8::$n"; done
} >"$work/zone"

serve() { # NAME LIMIT ADDRESS...: one nsd, big replies in fragments, LIMIT replies a second
	local name=$1 limit=$2
	shift 2
	{
		echo "server:"
		printf '  ip-address: %s\n' "$@"
		printf '  %s\n' 'username: ""' "zonesdir: $work" "pidfile: $work/$name.pid" "xfrdir: $work" \
			"xfrdfile: $work/$name.xfrd" "zonelistfile: $work/$name.zones" "logfile: $work/$name.log" \
			'server-count: 1' 'ipv4-edns-size: 4096' 'ipv6-edns-size: 4096' "rrl-ratelimit: $limit" \
			'rrl-slip: 0'
		printf '%s\n' 'remote-control:' '  control-enable: no'
		printf '%s\n' 'zone:' '  name: example.org' '  zonefile: zone' '  provide-xfr: 0.0.0.0/0 NOKEY'
	} >"$work/$name.conf"
	ip netns exec $server nsd -c "$work/$name.conf"
}
serve fast 0 10.77.0.2 fd77::2
serve slow 2 10.77.0.3

for ((n = 0; n < queries; n++)); do
	case $((n % 20)) in
	[0-7]) echo "h$((n % 100)).example.org A" ;;
	8 | 9) echo "h$((n % 100)).example.org AAAA" ;;
	1[01]) echo "no$n.example.org A" ;;
	12) echo "www.example.org A" ;;
	13) echo "example.org MX" ;;
	14) echo "n$n.any.example.org A" ;;
	15) echo "n$n.elsewhere.test A" ;;
	16) echo "example.org $([ $((n % 3)) = 0 ] && echo TXT || echo SOA)" ;;
	17) echo "_sip._udp.example.org SRV" ;;
	18) echo "mail.example.org TXT" ;;
	19) case $((n % 3)) in 0) echo "big.example.org TXT" ;; 1) echo "svc.example.org HTTPS" ;; *) echo "caa.example.org CAA" ;; esac ;;
	esac
done >"$work/queries"

ip netns exec $server tcpdump -U -q -s 0 -i pzks -w "$work/pcap" \
	'port 53 or ip[6:2] & 0x1fff != 0 or ip6 proto 44' 2>"$work/tcpdump" &
tcpdump=$!
until grep -q listening "$work/tcpdump"; do sleep 0.1; done

ask() { ip netns exec $client dnsperf -d "$work/queries" -n 1 "$@" >"$work/dnsperf.$1.$2.$3.$4" & }
ask -s 10.77.0.2 -Q "$rate" -e
ask -s fd77::2 -Q "$rate" -D
ask -s 10.77.0.2 -m tcp -c 3 -Q "$rate"
ask -s 10.77.0.3 -Q 200 -l 6
wait $(jobs -p | grep -vx $tcpdump)
sleep 1
kill -INT $tcpdump
wait $tcpdump
cp "$work/pcap" "$out"
for summary in "$work"/dnsperf.*; do
	echo "${summary##*dnsperf.} $(grep -E 'Queries (sent|completed|lost)' "$summary" | tr -s ' \n' ' ')"
done
