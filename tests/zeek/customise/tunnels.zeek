# @TEST-DOC: The example that suspects tunnels names the rule that fired, and spares honest clients.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/tunnel.pcap $PACKAGE $PACKAGE/examples/tunnels.zeek %INPUT LogAscii::use_json=T
# @TEST-EXEC: columns note src msg <notice.log >notices
# @TEST-EXEC: btest-diff notices
