# @TEST-DOC: Columns are left out of log and batches alike; id is all of it; an unknown name ends Zeek.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/header.pcap $PACKAGE PANO::publish_always=T %INPUT
# @TEST-EXEC: columns ts uid id.orig_h id.resp_p query answers TTLs rcode_name <dns.log >transactions
# @TEST-EXEC: cmp dns.log published
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC-FAIL: zeek -b $PACKAGE PANO::omit='{ "Query" }' >unknown 2>&1
# @TEST-EXEC: grep -q "fatal error.*PANO::omit: the record has no column 'Query': 'query' is the nearest name" unknown

module PANO;

redef PANO::omit += {
	"ts",
	"uid",
	"id",
	"query",
	"answers"
};

global out = open("published") &raw_output;

hook PANO::publish_batch(log: string, ndjson: string)
	{
	if ( log == "dns" )
		print out, ndjson + "\n";
	}
