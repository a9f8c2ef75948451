# @TEST-DOC: Where Zeek does not read EDNS nothing is said of it: no DO, no response code that it may extend; and no warning.
#
# @TEST-EXEC: zeek -C -r $CAPTURES/header.pcap $PACKAGE LogAscii::use_json=T %INPUT >out 2>&1
# @TEST-EXEC: zeek -C -r $CASES/opt-first.pcap $PACKAGE LogAscii::use_json=T PANO::log_path_beside=opt_first >>out 2>&1
# @TEST-EXEC: columns query rcode_name DO edns_bufsize ecs <pano_dns.log >transactions
# @TEST-EXEC: columns query rcode rcode_name DO <opt_first.log >>transactions
# @TEST-EXEC: test ! -e reporter.log
# @TEST-EXEC: btest-diff out
# @TEST-EXEC: btest-diff transactions
