##! The process that keeps a ledger: the memory that it takes, and which
##! addresses are its own.

@load base/frameworks/telemetry

module PANO;

export {
	## The addresses of this sensor itself, by which traffic to it and from it is told from what
	## passes by. When empty, the environment variable ``PANO_ADDRESSES`` fills it at the start:
	## addresses with commas or spaces between them, as ``hostname -I`` prints them.
	##
	## Example: ``redef PANO::addresses = vector(192.0.2.7, [2001:db8::7]);``
	option addresses: vector of addr = vector();
}

# How many bytes of memory this process occupies now; Zeek's own statistics have the most so far.
function resident_bytes(): count
	{
	for ( _, metric in Telemetry::collect_metrics("process", "resident_memory*") )
		return double_to_count(metric$value);

	return 0;
	}

function read_addresses(text: string)
	{
	local listed: vector of addr;

	for ( _, word in split_string(text, /[, ]+/) )
		{
		if ( word == "" )
			next;

		if ( ! is_valid_ip(word) )
			Reporter::fatal(fmt("PANO_ADDRESSES: '%s' is no address: name the sensor's own, with commas or spaces between them",
			    word));

		listed += to_addr(word);
		}

	Option::set("PANO::addresses", listed);
	}

event zeek_init()
	{
	if ( |addresses| == 0 )
		read_addresses(getenv("PANO_ADDRESSES"));
	}
