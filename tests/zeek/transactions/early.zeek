# @TEST-DOC: A reply captured before its query is answered, with the time unknown; replies to nothing are orphans.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/early.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns ts trans_id query outcome rtt edns_bufsize query_bytes <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
