# @TEST-DOC: One id with several questions is several transactions, and an id may be used again after a timeout.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/ids.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns trans_id query outcome rtt retransmits <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
