##! Example: enrich every record from a file. Clients' networks are looked up in a list that
##! may change while Zeek runs: tab-separated, with the header line
##! ``#fields<TAB>network<TAB>site<TAB>operator``.
##!
##!     zeek -b ./zeek-scripts ./zeek-scripts/examples/places.zeek Places::networks=/etc/places.tsv -i pano0

@load base/frameworks/input
@load ../main

module Places;

export {
	## The list of networks; read again whenever it changes.
	##
	## Example: ``redef Places::networks = "/etc/places.tsv";``
	const networks = "places.tsv" &redef;
}

redef record PANO::Info += {
	## Where the client is.
	site: string &log &optional;
	## Who runs the client's network.
	operator: string &log &optional;
};

type Network: record {
	network: subnet;
};

type Place: record {
	site: string;
	operator: string;
};

global places: table[subnet] of Place;

event zeek_init()
	{
	Input::add_table([$source=networks, $name="places", $idx=Network, $val=Place,
	    $destination=places, $mode=Input::REREAD]);
	}

hook PANO::transaction(info: PANO::Info)
	{
	# The most specific network wins.
	if ( info$id$orig_h !in places )
		return;

	local place = places[info$id$orig_h];
	info$site = place$site;
	info$operator = place$operator;
	}
