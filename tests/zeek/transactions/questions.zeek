# @TEST-DOC: No question (but EDNS), two questions, a reply that repeats none, and mixed case.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/questions.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns trans_id query qtype_name outcome rcode_name edns_bufsize <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
