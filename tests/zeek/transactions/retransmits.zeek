# @TEST-DOC: A repetition is part of its transaction, a second reply a duplicate, a query after the reply a new transaction.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/retransmits.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns trans_id query outcome rtt rtt_last retransmits <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
