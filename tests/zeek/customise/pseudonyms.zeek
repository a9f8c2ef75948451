# @TEST-DOC: With a key, records leave under the pseudonyms that docs/forensics.md states; hooks see the wire; nothing leaves without the key.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/header.pcap $PACKAGE $PACKAGE/columns/community_id.zeek $PACKAGE/columns/sections.zeek %INPUT
# @TEST-EXEC: columns id.orig_h id.resp_h query answers addl ecs community_id <dns.log >transactions
# @TEST-EXEC: cmp dns.log published
# @TEST-EXEC: columns addresses <pano_stats.log >>transactions
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff seen
# @TEST-EXEC: btest-diff mapped
# @TEST-EXEC-FAIL: zeek -b $PACKAGE %INPUT PANO::pseudonyms=nothing 2>no-key
# @TEST-EXEC: grep -q "fatal error.*PANO::pseudonyms: nothing: cannot be read: make one" no-key
# @TEST-EXEC-FAIL: zeek -b $PACKAGE %INPUT PANO::pseudonyms=suffixes 2>wrong-key
# @TEST-EXEC: grep -q "fatal error.*PANO::pseudonyms: suffixes: no key of 64 hexadecimal digits" wrong-key
# @TEST-EXEC-FAIL: zeek -b $PACKAGE %INPUT PANO::public_suffix_list=none 2>no-list
# @TEST-EXEC: grep -q "fatal error.*PANO::public_suffix_list: none: cannot be read" no-list
# @TEST-EXEC-FAIL: zeek -b $PACKAGE %INPUT PANO::public_suffix_list=key 2>wrong-list
# @TEST-EXEC: grep -q "fatal error.*PANO::public_suffix_list: key: no public suffix list" wrong-list

# @TEST-START-FILE key
000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
# @TEST-END-FILE

# @TEST-START-FILE suffixes
// A list as publicsuffix.org has it.
com
org
uk
co.uk
*.ck
!www.ck
# @TEST-END-FILE

module PANO;

redef pseudonyms = "key";
redef public_suffix_list = "suffixes";
redef publish_always = T;
redef addresses = vector(10.1.2.3);

global out = open("published") &raw_output;
global seen = open("seen");

hook PANO::publish_batch(log: string, ndjson: string)
	{
	if ( log == "dns" )
		print out, ndjson + "\n";
	}

hook PANO::transaction(info: PANO::Info)
	{
	print seen, info$id$orig_h, info$query;
	}

event zeek_done()
	{
	local mapped = open("mapped");
	local texts = vector("10.1.2.3", "10.1.2.77", "192.0.2.1", "2001:db8::1",
	    "www.Shop.co.uk", "shop.com", "co.uk", "localhost", "a.b.example.org.",
	    "TXT 5 a b", "www.ck", "a.www.ck", "a.b.c.ck", "x.unknown", "", ".");

	for ( _, text in texts )
		print mapped, text, map_answer(text);

	print mapped, map_network(192.0.2.0/24), map_network([2001:db8::]/32);
	}
