# @TEST-DOC: A capture that begins inside a TCP message counts what is whole after it.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/midstream.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns trans_id query outcome <dns.log | sort >transactions
# @TEST-EXEC: test ! -e reporter.log
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts unreachable late orphans retransmits duplicate_replies copies other_opcodes partial_messages not_dns malformed <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
