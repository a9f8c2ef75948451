# @TEST-DOC: The transaction hook enriches and vetoes, log_policy filters, and vetoes are counted.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/header.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns query qtype_name rcode_name mood <dns.log >transactions
# @TEST-EXEC: columns answered vetoed records_logged <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals

redef record PANO::Info += {
	mood: string &log &optional;
};

hook PANO::transaction(info: PANO::Info)
	{
	if ( info$rcode_name == "NXDOMAIN" )
		break;

	info$mood = info$AD ? "calm" : "wary";
	}

hook PANO::log_policy(info: PANO::Info, id: Log::ID, filter: Log::Filter)
	{
	if ( info$qtype_name == "AAAA" )
		break;
	}
