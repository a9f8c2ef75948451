# @TEST-DOC: What log_policy vetoes is neither logged nor published, and counted as vetoed.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/header.pcap $PACKAGE PANO::publish_always=T PANO::sensor=s %INPUT
# @TEST-EXEC: columns query qtype_name <dns.log >transactions
# @TEST-EXEC: columns answered vetoed records_logged <pano_stats.log | tail -n 1 >totals
# @TEST-EXEC: columns query qtype_name <published >batches
# @TEST-EXEC: cmp transactions batches
# @TEST-EXEC: cmp dns.log published
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals

module PANO;

hook PANO::log_policy(info: PANO::Info, id: Log::ID, filter: Log::Filter)
	{
	if ( info$qtype_name == "AAAA" )
		break;
	}

global out = open("published") &raw_output;

# What is published, as it is handed over.
hook PANO::publish_batch(log: string, ndjson: string)
	{
	if ( log == "dns" )
		print out, ndjson + "\n";
	}
