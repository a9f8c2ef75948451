# @TEST-DOC: The example that suspects tunnels names the rule that fired, and spares honest clients.
#
# @TEST-EXEC: zeek -b -D -r $CAPTURES/tunnel.pcap $PACKAGE $PACKAGE/examples/tunnels.zeek LogAscii::use_json=T Tunnels::max_length=60
# @TEST-EXEC: columns note src msg <notice.log >notices
# @TEST-EXEC: btest-diff notices
