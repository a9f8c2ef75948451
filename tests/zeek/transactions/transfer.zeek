# @TEST-DOC: A zone transfer is one transaction, however many messages and seconds it takes.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/transfer.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns qtype_name outcome rtt answers reply_bytes <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies continued_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
