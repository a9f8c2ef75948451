# @TEST-DOC: Fragmented replies are whole, over IPv4 and IPv6.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/fragments.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns id.resp_h query outcome rtt reply_bytes <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
