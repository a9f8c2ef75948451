# @TEST-DOC: Questions that share an id count for max_pending: the oldest leave as timeouts, the newest are answered.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/collisions.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns query outcome <dns.log | sort >transactions
# @TEST-EXEC: columns dns_queries answered timeouts retransmits evicted <pano_stats.log | tail -n 1 >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals
# @TEST-EXEC: btest-diff most

module PANO;

redef PANO::max_pending = 20;

global most = 0;

hook PANO::transaction(info: PANO::Info)
	{
	if ( PANO::waiting() > most )
		most = PANO::waiting();
	}

event zeek_done() &priority=-20
	{
	local out = open("most");
	print out, most <= 20, |PANO::sharing|;
	close(out);
	}
