# @TEST-DOC: Every type of answer is text; a type without a name is TYPEn.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/answers.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns qtype qtype_name answers TTLs <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
