# @TEST-DOC: The tunnels example watches no more pairs than it is told to.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/strays.pcap $PACKAGE $PACKAGE/examples/tunnels.zeek Tunnels::max_watched=10 %INPUT
# @TEST-EXEC: btest-diff most

module Tunnels;

global most = 0;

hook PANO::transaction(info: PANO::Info) &priority=-10
	{
	most = |names| + |names_before| > most ? |names| + |names_before| : most;
	}

event zeek_done() &priority=-20
	{
	local out = open("most");
	print out, most <= 10;
	close(out);
	}
