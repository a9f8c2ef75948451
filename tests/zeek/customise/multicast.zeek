# @TEST-DOC: Multicast DNS has no transactions: nothing of it is paired, whatever the ports are.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/neighbours.pcap $PACKAGE PANO::ports='{ 53/udp, 5353/udp, 5300/udp }'
# @TEST-EXEC: columns id.resp_p query outcome <dns.log >transactions
# @TEST-EXEC: btest-diff transactions
