# @TEST-DOC: Two name servers that ask each other from port 53: who asked is told by the message and its sender.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/peers.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns id.orig_h id.resp_h trans_id query outcome rtt retransmits <dns.log | sort >transactions
# @TEST-EXEC: test ! -e reporter.log
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts unreachable late orphans retransmits duplicate_replies copies other_opcodes partial_messages not_dns malformed <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
