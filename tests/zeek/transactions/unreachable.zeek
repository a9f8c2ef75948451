# @TEST-DOC: An ICMP error ends the query that it quotes, and no other; a reply after it is late.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/unreachable.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns id.resp_h query outcome rtt <dns.log | sort >transactions
# @TEST-EXEC: test ! -e reporter.log
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts unreachable late orphans retransmits duplicate_replies copies other_opcodes partial_messages not_dns malformed <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
