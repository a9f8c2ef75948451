# @TEST-DOC: Further columns, when asked for: the name as it was spelt, the Community ID, the other sections.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/questions.pcap $PACKAGE $PACKAGE/columns/original_query.zeek $PACKAGE/columns/community_id.zeek
# @TEST-EXEC: columns query original_query community_id <dns.log >transactions
# @TEST-EXEC: zeek -b -r $CAPTURES/header.pcap $PACKAGE $PACKAGE/columns/sections.zeek
# @TEST-EXEC: columns query answers auth addl <dns.log >>transactions
# @TEST-EXEC: btest-diff transactions
