# @TEST-DOC: Header bits, EDNS, client subnet and extended response codes are in the record.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/header.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns query outcome rcode rcode_name AA TC RD RA Z AD CD DO edns_bufsize ecs query_bytes reply_bytes rejected <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses answered timeouts late orphans retransmits duplicate_replies <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
