# @TEST-DOC: Columns can be left out.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/header.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns query answers TTLs rcode_name <dns.log >transactions
# @TEST-EXEC: btest-diff transactions

redef PANO::omit += {
	"query",
	"answers"
};
