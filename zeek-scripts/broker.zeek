##! Records to other programs, in batches, over Broker and WebSocket.

@load base/frameworks/cluster
@load ./json
@load ./main
@load ./record
@load ./stats
@load ./subscribers

module PANO;

export {
	## One batch of records, published to ``pano/<log>``.
	##
	## sensor: :zeek:see:`PANO::sensor`.
	##
	## seq: 1 for the sensor's first batch of this log, then one more each time: a gap
	##      is a loss that can be counted.
	##
	## log: The log's name, ``dns`` or ``pano_stats``.
	##
	## ndjson: The records, one JSON object a line, as in the log file of a dedicated sensor.
	global batch: event(sensor: string, seq: count, log: string, ndjson: string);

	## Listen for Broker subscribers on this port; 0/tcp for not at all. Not for clusters.
	##
	## Example: ``redef PANO::broker_port = 9999/tcp;``
	const broker_port = 0/tcp &redef;

	## Listen for WebSocket subscribers on this port; 0/tcp for not at all. In a cluster
	## the manager listens, and the workers publish.
	##
	## Example: ``redef PANO::websocket_port = 9997/tcp;``
	const websocket_port = 0/tcp &redef;

	## Listen on this address.
	##
	## Example: ``redef PANO::listen_address = 0.0.0.0;``
	const listen_address = 127.0.0.1 &redef;

	## Publish although this process does not listen: to whoever it is connected with, such
	## as subscribers at a cluster's workers.
	##
	## Example: ``redef PANO::publish_always = T;``
	const publish_always = F &redef;

	## Records in one batch at most.
	##
	## Example: ``redef PANO::batch_records = 500;``
	option batch_records = 100;

	## How long a record waits for its batch to fill at most.
	##
	## Example: ``redef PANO::batch_interval = 1sec;``
	option batch_interval = 250msec;
}

# Records that wait to be published, and batches published so far, by log.
global lines: table[string] of string_vec = {
	["dns"] = vector(),
	["pano_stats"] = vector()
};
global batches: table[string] of count &default=0;

# A batch as it is handed over, for tests.
global publish_batch: hook(log: string, ndjson: string);

function send_batch(log: string)
	{
	if ( |lines[log]| == 0 )
		return;

	local ndjson = join_string_vec(lines[log], "\n");
	lines[log] = vector();

	# Packets of an interface wait for nobody.
	if ( reading_traces() )
		catch_up(batches_ahead);

	++totals$batches;
	++batches[log];
	hook publish_batch(log, ndjson);
	Cluster::publish("pano/" + log, batch, sensor, batches[log], log, ndjson);
	}

function add_line(log: string, line: string)
	{
	lines[log] += line;

	if ( |lines[log]| >= batch_records )
		send_batch(log);
	}

event log_stats(row: Stats) &group="PANO batches"
	{
	add_line("pano_stats", to_json(row, T));
	}

event send_batches()
	{
	send_batch("dns");
	send_batch("pano_stats");

	if ( zeek_is_terminating() )
		catch_up(0);
	}

event batches_due() &group="PANO batches"
	{
	if ( zeek_is_terminating() )
		return;

	event send_batches();
	schedule batch_interval { batches_due() };
	}

@ifdef ( Broker::listen )
function listen_for_peers()
	{
	if ( Cluster::is_enabled() )
		Reporter::fatal("PANO::broker_port is for a Zeek of its own: in a cluster set PANO::publish_always and subscribe to each worker at its own port, or set PANO::websocket_port and subscribe to the manager");

	if ( Broker::listen(cat(listen_address), broker_port) == 0/tcp )
		Reporter::fatal(fmt("PANO::broker_port: cannot listen on %s port %s: choose a port that is free, or another PANO::listen_address",
		    listen_address, broker_port));
	}
@else
function listen_for_peers()
	{
	Reporter::fatal("PANO::broker_port: this Zeek was built without Broker: set PANO::websocket_port");
	}
@endif

function listen_for_websockets()
	{
	# In a cluster the manager does, to which the workers' batches come.
	if ( Cluster::is_enabled() && Cluster::local_node_type() != Cluster::MANAGER )
		return;

	if ( ! Cluster::listen_websocket([$listen_addr=listen_address,
	    $listen_port=websocket_port]) )
		Reporter::fatal(fmt("PANO::websocket_port: cannot listen on %s port %s: choose a port that is free, or another PANO::listen_address",
		    listen_address, websocket_port));
	}

event zeek_init()
	{
	if ( batch_records == 0 || batch_interval <= 0sec )
		Reporter::fatal(fmt("PANO::batch_records=%d, PANO::batch_interval=%s: both must be more than 0",
		    batch_records, batch_interval));

	if ( broker_port != 0/tcp )
		listen_for_peers();

	if ( websocket_port != 0/tcp )
		listen_for_websockets();

	if ( ! watches()
	    || ( ! publish_always && broker_port == 0/tcp && websocket_port == 0/tcp ) )
		{
		disable_event_group("PANO batches");
		return;
		}

	publishes = T;

@ifdef ( Cluster::CLUSTER_BACKEND_NONE )
	if ( Cluster::backend == Cluster::CLUSTER_BACKEND_NONE )
		Reporter::fatal("PANO publishes to nobody, as Zeek has no cluster backend: @load frameworks/cluster/backend/broker");
@endif

	schedule batch_interval { batches_due() };
	}

# What the ledger says was sent is on its way before it is written; its row follows at once.
event write_ledger() &priority=10 &group="PANO batches"
	{
	send_batch("dns");
	}

event write_ledger() &priority=-10 &group="PANO batches"
	{
	event send_batches();
	}
