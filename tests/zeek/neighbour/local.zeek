# @TEST-DOC: Beside local.zeek ours has a log of its own, in the site's format; Zeek's own keeps every row, veto and filter.
#
# @TEST-EXEC: zeek -C -r $CAPTURES/neighbours.pcap local $PACKAGE %INPUT >out 2>&1
# @TEST-EXEC: fields id.resp_p query <dns.log >stock
# @TEST-EXEC: ! grep answers dns.log
# @TEST-EXEC: fields id.resp_p query outcome <pano_dns.log >ours
# @TEST-EXEC: head -c 10 pano_dns.log pano_stats.log conn.log >format
# @TEST-EXEC: fields query <vetoed.log >custom
# @TEST-EXEC: btest-diff out
# @TEST-EXEC: btest-diff stock
# @TEST-EXEC: btest-diff ours
# @TEST-EXEC: btest-diff format
# @TEST-EXEC: btest-diff custom

# What a site may have changed: a port of its own, the default filter, and one beside it.
event zeek_init()
	{
	Analyzer::register_for_port(Analyzer::ANALYZER_DNS, 5300/udp);
	local filter = Log::get_filter(DNS::LOG, "default");
	filter$exclude = set("answers");
	Log::add_filter(DNS::LOG, filter);
	filter$name = "mine";
	filter$path = "vetoed";
	Log::add_filter(DNS::LOG, filter);
	}

hook DNS::log_policy(rec: DNS::Info, id: Log::ID, filter: Log::Filter)
	{
	if ( rec?$query && rec$query == "nas" )
		break;
	}
