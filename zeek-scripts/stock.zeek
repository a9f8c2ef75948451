##! Beside Zeek's own DNS scripts, one of the two logs has to step aside.

@load ./main

module PANO;

export {
	## Beside Zeek's own DNS scripts, let them go on writing dns.log; ours is pano_dns.log then.
	##
	## Example: ``redef PANO::keep_stock_log = T;``
	const keep_stock_log = F &redef;
}

# Everything else of the stock scripts stays: their stream, its event, other filters on it.
@ifdef ( DNS::LOG )
event zeek_init() &priority=-5
	{
	if ( ! keep_stock_log )
		{
		Log::remove_filter(DNS::LOG, "default");
		return;
		}

	local filter = Log::get_filter(LOG, "default");
	filter$path = "pano_dns";
	Log::add_filter(LOG, filter);
	}
@endif
