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
const rest = "\"ts\":1700000000.123456,\"uid\":\"CHhAvVGS1DHFjwGM9\",\"id.orig_h\":\"10.0.0.1\","
    + "\"id.orig_p\":5353,\"id.resp_h\":\"10.0.0.53\",\"id.resp_p\":53,\"proto\":\"udp\",\"trans_id\":1,"
    + "\"rtt\":0.000251,\"query\":\"www.example.com\",\"qclass\":1,\"qclass_name\":\"C_INTERNET\","
    + "\"qtype\":1,\"qtype_name\":\"A\",\"rcode\":0,\"rcode_name\":\"NOERROR\",\"AA\":false,"
    + "\"TC\":false,\"RD\":true,\"RA\":true,\"Z\":0,\"answers\":[\"192.0.2.1\"],\"TTLs\":[300.0],"
    + "\"rejected\":false,\"outcome\":\"answered\",\"retransmits\":0,\"query_bytes\":45,"
    + "\"reply_bytes\":61,\"sensor\":\"sensor-1\"}";
global records = "{\"n\":0," + rest;
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
		records += fmt("\n{\"n\":%d,", line) + rest;
		++line;
		}
	if ( broker_port != 0/tcp )
		Broker::listen("127.0.0.1", broker_port);
	if ( websocket_port != 0/tcp )
		Cluster::listen_websocket([$listen_addr=127.0.0.1, $listen_port=websocket_port]);
	}
