# Publishes numbered batches to the first subscriber that comes: what sensors do, without packets.
@load base/frameworks/broker
@load base/frameworks/cluster
redef exit_only_after_terminate = T;
module PANO;
export {
	global batch: event(sensor: string, seq: count, log: string, ndjson: string);
	option batches_wanted = 100;
	option broker_port = 0/tcp;
	option websocket_port = 0/tcp;
}
global published = 0;
global records = "{\"n\":0}";
event publish()
	{
	local burst = 0;
	while ( burst < 20 && published < batches_wanted )
		{
		++burst;
		++published;
		Cluster::publish("pano/dns", batch, "sensor-1", published, "dns", records);
		}
	if ( published < batches_wanted )
		schedule 1msec { publish() };
	}
event Broker::peer_added(endpoint: Broker::EndpointInfo, msg: string)
	{
	schedule 100msec { publish() };
	}
event Cluster::websocket_client_added(endpoint: Cluster::EndpointInfo,
    subscriptions: string_vec)
	{
	schedule 100msec { publish() };
	}
event zeek_init()
	{
	local line = 1;
	while ( line < 100 )
		{
		records += fmt("\n{\"n\":%d}", line);
		++line;
		}
	if ( broker_port != 0/tcp )
		Broker::listen("127.0.0.1", broker_port);
	if ( websocket_port != 0/tcp )
		Cluster::listen_websocket([$listen_addr=127.0.0.1, $listen_port=websocket_port]);
	}
