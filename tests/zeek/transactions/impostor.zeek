# @TEST-DOC: A client cannot answer its own query: the reply comes from the side that was asked.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/impostor.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns id.orig_h id.resp_h query outcome rtt <dns.log >transactions
# @TEST-EXEC: test ! -e reporter.log
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts unreachable late orphans retransmits duplicate_replies copies other_opcodes partial_messages not_dns malformed <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
