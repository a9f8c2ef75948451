# @TEST-DOC: Zeek's own TSV, with the same columns in the same order.
#
# @TEST-EXEC: zeek -b -D -r $CAPTURES/header.pcap $PACKAGE PANO::json=F PANO::sensor=test
# @TEST-EXEC: grep -v -E '^#(open|close)' dns.log >transactions
# @TEST-EXEC: btest-diff transactions
