# @TEST-DOC: A packet without a checksum counts: mirrors see those.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/unsummed.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns query outcome rtt <dns.log >transactions
# @TEST-EXEC: columns packets_received packets_dropped dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
