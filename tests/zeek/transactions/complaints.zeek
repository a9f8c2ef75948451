# @TEST-DOC: All of the parser's complaints count; HINFO is an answer; an orphan has its reply's EDNS.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/complaints.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns query answers outcome edns_bufsize DO <dns.log >transactions
# @TEST-EXEC: test ! -e reporter.log
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts unreachable late orphans retransmits duplicate_replies copies other_opcodes partial_messages not_dns malformed <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
