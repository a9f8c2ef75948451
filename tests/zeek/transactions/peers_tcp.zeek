# @TEST-DOC: Queries in both directions of one TCP connection; half a message is none.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/peers_tcp.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns id.orig_h id.resp_h trans_id query outcome rtt <dns.log | sort >transactions
# @TEST-EXEC: test ! -e reporter.log
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts unreachable late orphans retransmits duplicate_replies copies other_opcodes partial_messages not_dns malformed <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
