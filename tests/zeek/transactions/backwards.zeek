# @TEST-DOC: A capture's clock that jumps back gives no negative times and loses no pair.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/backwards.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns trans_id query outcome rtt <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
