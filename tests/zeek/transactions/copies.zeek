# @TEST-DOC: A packet seen twice is a copy, before and behind the reply, tagged or not; a client that asks twice repeats.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/copies.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns query outcome rtt retransmits <dns.log | sort >transactions
# @TEST-EXEC: test ! -e reporter.log
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts unreachable late orphans retransmits duplicate_replies copies other_opcodes partial_messages not_dns malformed <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
