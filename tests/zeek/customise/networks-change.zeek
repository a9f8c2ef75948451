# @TEST-DOC: Networks that are set at run time decide about living connections at their next message.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/header.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns ts query outcome <dns.log >transactions
# @TEST-EXEC: btest-diff transactions

event dns_message(c: connection, is_orig: bool, msg: dns_msg, len: count) &priority=10
	{
	if ( ! msg$QR && msg$id == 2 )
		Option::set("PANO::networks", set(198.51.100.0/24));
	}
