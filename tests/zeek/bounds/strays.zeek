# @TEST-DOC: Replies without a query are held up to max_early; the oldest leave as orphans, and are counted.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/strays.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns outcome <dns.log | sort | uniq -c >outcomes
# @TEST-EXEC: columns dns_responses orphans evicted_replies records_logged <pano_stats.log | tail -n 1 >totals
# @TEST-EXEC: btest-diff outcomes
# @TEST-EXEC: btest-diff totals
# @TEST-EXEC: btest-diff most

module PANO;

redef PANO::max_early = 20;

global most = 0;

hook PANO::transaction(info: PANO::Info)
	{
	if ( |PANO::early| + |PANO::early_longer| > most )
		most = |PANO::early| + |PANO::early_longer|;
	}

event zeek_done() &priority=-20
	{
	local out = open("most");
	print out, most <= 20;
	close(out);
	}
