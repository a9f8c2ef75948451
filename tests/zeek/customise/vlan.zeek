# @TEST-DOC: One line keeps VLANs with the same addresses apart; log and batches have the tags.
#
# @TEST-EXEC: zeek -b -r $CASES/vlan-overlap.pcap $PACKAGE PANO::publish_always=T %INPUT
# @TEST-EXEC: columns id.ctx.vlan query outcome rtt retransmits <dns.log >transactions
# @TEST-EXEC: cmp dns.log published
# @TEST-EXEC: btest-diff transactions

@load frameworks/conn_key/vlan_fivetuple

module PANO;

global out = open("published") &raw_output;

hook PANO::publish_batch(log: string, ndjson: string)
	{
	if ( log == "dns" )
		print out, ndjson + "\n";
	}
