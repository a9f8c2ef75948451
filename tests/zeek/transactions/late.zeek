# @TEST-DOC: A reply after the timeout is late, with its time, though Zeek has forgotten the connection; much later it is an orphan.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/late.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns trans_id id.orig_p outcome rtt rcode_name <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
