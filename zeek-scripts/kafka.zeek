##! Records to Kafka, one message each, through the plugin Seiso::Kafka.

@load ./logs
@load ./main
@load ./stats

module PANO;

export {
	## Send dns.log and pano_stats to the Kafka topics ``dns`` and ``pano_stats`` too; in a
	## cluster the logger does. The plugin's own settings say where Kafka is.
	##
	## Example::
	##
	##     redef PANO::kafka = T;
	##     redef Kafka::kafka_conf = table(["metadata.broker.list"] = "kafka:9092");
	const kafka = F &redef;
}

@ifdef ( Log::WRITER_KAFKAWRITER )
function add_kafka_filter(id: Log::ID, topic: string, without: set[string])
	{
	Log::add_filter(id, [$name="pano-kafka", $writer=Log::WRITER_KAFKAWRITER,
	    $exclude=without, $config=table(["topic_name"] = topic)]);
	}

event zeek_init()
	{
	if ( ! kafka )
		return;

	add_kafka_filter(LOG, "dns", omitted);
	local nothing: set[string];
	add_kafka_filter(STATS_LOG, "pano_stats", nothing);
	}
@else
event zeek_init()
	{
	if ( kafka )
		Reporter::fatal("PANO::kafka needs the plugin Seiso::Kafka: install it with zkg, and in bare mode name it on the command line, 'zeek -b Seiso::Kafka ...'");
	}
@endif
