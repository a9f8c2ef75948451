# @TEST-DOC: Queries seen alone are timeouts, replies seen alone orphans, and their ends are not swapped.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/oneway.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns id.orig_h id.orig_p id.resp_h id.resp_p query outcome rtt <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
