# @TEST-DOC: Beside Zeek's default scripts nothing global changes.
#
# @TEST-EXEC: zeek -r $CAPTURES/retransmits.pcap $PACKAGE %INPUT >settings
# @TEST-EXEC: btest-diff settings

event zeek_init() &priority=-10
	{
	print ignore_checksums, Pcap::snaplen, dns_skip_all_addl, LogAscii::use_json;
	print dns_session_timeout, Log::default_rotation_interval, Analyzer::ANALYZER_DNS in DPD::ignore_violations;
	}
