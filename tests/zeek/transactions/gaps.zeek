# @TEST-DOC: Behind a gap in a TCP capture nothing is invented, and what is whole counts.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/gaps.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns id.orig_p trans_id query outcome <dns.log | sort >transactions
# @TEST-EXEC: test ! -e reporter.log
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts unreachable late orphans retransmits duplicate_replies copies other_opcodes partial_messages not_dns malformed <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
