# @TEST-DOC: What cannot be read and what is not a query is counted, and hurts nothing.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/broken.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns trans_id query outcome rcode_name <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies other_opcodes malformed <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
