# @TEST-DOC: The example that enriches records from a file.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/fragments.pcap $PACKAGE $PACKAGE/examples/places.zeek %INPUT
# @TEST-EXEC: columns id.orig_h site operator <dns.log >transactions
# @TEST-EXEC: btest-diff transactions
# @TEST-START-FILE places.tsv
#fields	network	site	operator
192.0.2.0/24	Bern	old
192.0.2.1/32	Basel	new
# @TEST-END-FILE

# A capture would be over before the list is read.
event zeek_init()
	{
	suspend_processing();
	}

event Input::end_of_data(name: string, source: string)
	{
	continue_processing();
	}
