# @TEST-DOC: A client subnet of any shape is no script error.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/subnets.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns query ecs edns_bufsize <dns.log >transactions
# @TEST-EXEC: test ! -e reporter.log
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts unreachable late orphans retransmits duplicate_replies copies other_opcodes partial_messages not_dns malformed <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
