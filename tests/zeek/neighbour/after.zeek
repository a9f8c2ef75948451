# @TEST-DOC: Zeek's own DNS scripts, loaded after ours in bare mode: two logs, each whole.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/retransmits.pcap $PACKAGE base/protocols/dns
# @TEST-EXEC: fields query rcode_name <dns.log >stock
# @TEST-EXEC: fields query outcome retransmits <pano_dns.log >ours
# @TEST-EXEC: btest-diff stock
# @TEST-EXEC: btest-diff ours
