# @TEST-DOC: Pipelined TCP queries are answered out of order and across segments; a reused port is another connection.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/pipeline.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns proto trans_id query outcome rtt <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
