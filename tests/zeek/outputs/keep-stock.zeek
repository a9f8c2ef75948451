# @TEST-DOC: keep_stock_log writes both logs.
#
# @TEST-EXEC: zeek -r $CAPTURES/retransmits.pcap $PACKAGE PANO::keep_stock_log=T LogAscii::use_json=T
# @TEST-EXEC: columns query outcome <dns.log >stock
# @TEST-EXEC: columns query outcome <pano_dns.log >ours
# @TEST-EXEC: btest-diff stock
# @TEST-EXEC: btest-diff ours
