##! Nobody who subscribes misses the beginning of a capture, its end, or what came too fast.

@load base/frameworks/cluster
@load ./main
@load ./pending
@load ./stats

module PANO;

export {
	## Hold a capture back until so many programs have subscribed, and end Zeek when they
	## have got everything. With 0 a capture is read at once, and a Zeek that listens lives on.
	##
	## Example: ``redef PANO::await_subscribers = 1;``
	const await_subscribers = 0 &redef;

	## How long Zeek waits for a Broker subscriber that takes nothing, at its end and while
	## it reads a capture.
	##
	## Example: ``redef PANO::subscriber_patience = 1min;``
	option subscriber_patience = 10sec;

	## Batches that a capture may be ahead of a Broker subscriber. Broker itself drops the
	## oldest beyond :zeek:see:`Broker::peer_buffer_size`.
	##
	## Example: ``redef PANO::batches_ahead = 100;``
	const batches_ahead = 1000 &redef;
}

global subscribers = 0;

# A subscriber that has used our patience up is not waited for until it takes something.
global stuck = 0;

@ifdef ( Broker::peering_stats )
function longest_queue(): count
	{
	local longest = 0;

	for ( _, peer in Broker::peering_stats() )
		if ( peer$num_queued > longest )
			longest = peer$num_queued;

	return longest;
	}

# Waits until no Broker subscriber has more than so many batches before it, or until
# `subscriber_patience` has run out.
function catch_up(most: count)
	{
	local queue = longest_queue();
	local since = current_time();

	if ( stuck > 0 && queue >= stuck )
		return;

	while ( queue > most && current_time() - since < subscriber_patience )
		{
		sleep(1msec);
		local now = longest_queue();

		if ( now < queue )
			since = current_time();

		queue = now;
		}

	stuck = queue > most ? queue : 0;
	}
@else
function catch_up(most: count)
	{ }
@endif

function subscribed()
	{
	++subscribers;

	if ( subscribers == await_subscribers )
		continue_processing();
	}

@ifdef ( Broker::peer_added )
event Broker::peer_added(endpoint: Broker::EndpointInfo, msg: string)
	{
	subscribed();
	}
@endif

event Cluster::websocket_client_added(endpoint: Cluster::EndpointInfo,
    subscriptions: string_vec)
	{
	subscribed();
	}

event zeek_init()
	{
	if ( await_subscribers > 0 && reading_traces() )
		suspend_processing();
	}

# Zeek hands batches on to WebSockets in its main loop, which ends with it: some turns more.
event part(since: time)
	{
	if ( current_time() - since > 1sec )
		{
		terminate();
		return;
		}

	sleep(1msec);
	event part(since);
	}

# The clock of a capture stands still at its end: move it on until each query is a timeout.
event run_out(until: time)
	{
	if ( network_time() < until )
		{
		set_network_time(network_time() + 100msec);
		event run_out(until);
		return;
		}

	event write_ledger();
	event part(current_time());
	}

event Pcap::file_done(path: string)
	{
	if ( await_subscribers > 0 )
		event run_out(network_time() + query_timeout + 5sec);
	}
