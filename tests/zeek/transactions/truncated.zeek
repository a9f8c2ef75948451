# @TEST-DOC: TC is the reply's; the repetition over TCP is a transaction of its own.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/truncated.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns proto query outcome TC reply_bytes <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
