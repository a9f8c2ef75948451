# @TEST-DOC: Beside Zeek's default scripts, dns.log is ours and nothing global changes.
#
# @TEST-EXEC: zeek -r $CAPTURES/retransmits.pcap $PACKAGE %INPUT >settings
# @TEST-EXEC: columns query outcome rtt retransmits <dns.log >transactions
# @TEST-EXEC: head -c 10 conn.log >conn
# @TEST-EXEC: test ! -e pano_dns.log
# @TEST-EXEC: btest-diff settings
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff conn

event zeek_init() &priority=-10
	{
	print ignore_checksums, Pcap::snaplen, dns_skip_all_addl, LogAscii::use_json;
	}
