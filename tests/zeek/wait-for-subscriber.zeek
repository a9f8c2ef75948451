##! Holds a capture back until somebody listens, so that nothing is published to nobody.

@load base/frameworks/broker
@load base/frameworks/cluster

event zeek_init()
	{
	suspend_processing();
	}

event Broker::peer_added(endpoint: Broker::EndpointInfo, msg: string)
	{
	continue_processing();
	}

@ifdef ( Cluster::websocket_client_added )
event Cluster::websocket_client_added(endpoint: Cluster::EndpointInfo,
    subscriptions: string_vec)
	{
	continue_processing();
	}
@endif
