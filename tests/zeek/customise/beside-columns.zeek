# @TEST-DOC: Further columns do not take what Zeek's own scripts log away.
#
# @TEST-EXEC: zeek -C -r $CAPTURES/header.pcap local $PACKAGE $PACKAGE/columns/community_id.zeek LogAscii::use_json=T
# @TEST-EXEC: columns query rcode_name <dns.log >transactions
# @TEST-EXEC: columns query community_id <pano_dns.log >>transactions
# @TEST-EXEC: btest-diff transactions
