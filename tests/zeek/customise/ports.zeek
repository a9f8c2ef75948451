# @TEST-DOC: Without port 53 among the ports, nothing on it is DNS.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/header.pcap $PACKAGE PANO::ports='{ 5353/udp }'
# @TEST-EXEC: test ! -e dns.log
