# @TEST-DOC: replace_stock_log: dns.log is ours, whoever is loaded first; other filters of Zeek's own go on.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/retransmits.pcap $PACKAGE base/protocols/dns PANO::replace_stock_log=T %INPUT
# @TEST-EXEC: columns query outcome retransmits <dns.log >ours
# @TEST-EXEC: fields query <other.log >other
# @TEST-EXEC: test ! -e pano_dns.log
# @TEST-EXEC: btest-diff ours
# @TEST-EXEC: btest-diff other

event zeek_init()
	{
	Log::add_filter(DNS::LOG, [$name="other", $path="other"]);
	}
