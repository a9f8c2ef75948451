# @TEST-DOC: Half messages over TCP, left at a close or at the capture's end, make no query and no reply.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/halves.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns id.orig_p trans_id query outcome <dns.log | sort >transactions
# @TEST-EXEC: test ! -e reporter.log
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts unreachable late orphans retransmits duplicate_replies copies other_opcodes partial_messages not_dns malformed <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
