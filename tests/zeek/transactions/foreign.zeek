# @TEST-DOC: What is not DNS makes no query, no timeout and no opcode, is counted, and hurts nothing after it.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/foreign.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns query outcome <dns.log | sort | uniq -c >transactions
# @TEST-EXEC: test ! -e reporter.log
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts unreachable late orphans retransmits duplicate_replies copies other_opcodes partial_messages not_dns malformed <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
