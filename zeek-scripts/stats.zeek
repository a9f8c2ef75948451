##! The ledger: what came in, what became of it, and what went out, every few seconds.

@load base/frameworks/cluster
@load ./logs
@load ./main
@load ./pending
@load ./process
@load ./pseudonyms

module PANO;

export {
	redef enum Log::ID += { STATS_LOG };

	## Decides which rows of pano_stats are written.
	global log_policy_stats: Log::PolicyHook;

	## How often the totals are written; 0 for only once, at the end.
	##
	## Example: ``redef PANO::stats_interval = 1min;``
	option stats_interval = 10sec;

	## Totals since start, but for *pending*. Always true: ``dns_queries`` is ``answered +
	## timeouts + unreachable + retransmits + pending``, ``dns_responses`` is ``answered + late + orphans +
	## duplicate_replies + continued_replies``, give or take replies held for a second.
	type Stats: record {
		## When this was written.
		ts: time &log;
		## Who counted.
		sensor: string &log;
		## Packets that Zeek received.
		packets_received: count &log;
		## Packets that were lost before Zeek could read them.
		packets_dropped: count &log;
		## Bytes that Zeek received.
		bytes_received: count &log;
		## Query messages.
		dns_queries: count &log;
		## Reply messages.
		dns_responses: count &log;
		## Transactions by outcome.
		answered: count &log;
		timeouts: count &log;
		## Queries that an ICMP error ended.
		unreachable: count &log;
		late: count &log;
		orphans: count &log;
		## Queries repeated before their reply: no transactions of their own.
		retransmits: count &log;
		## Second and further replies to one query: no records of their own.
		duplicate_replies: count &log;
		## Second and further messages of a zone transfer.
		continued_replies: count &log;
		## Packets seen twice (:zeek:see:`PANO::copies_within`): in none of the counts above.
		copies: count &log;
		## Messages that are neither lookups nor of any other kind of which transactions are
		## made: in none of the counts above, like all below up to *malformed*.
		other_opcodes: count &log;
		## Messages over TCP of which a part was never sent.
		partial_messages: count &log;
		## Messages on DNS ports that are not DNS.
		not_dns: count &log;
		## Complaints of Zeek's DNS parser about messages that are.
		malformed: count &log;
		## Queries that wait for their reply now.
		pending: count &log;
		## Timeouts that left early, because of :zeek:see:`PANO::max_pending`.
		evicted: count &log;
		## Orphans that left early, because of :zeek:see:`PANO::max_early`.
		evicted_replies: count &log;
		## Transactions that :zeek:see:`PANO::transaction` or :zeek:see:`PANO::log_policy` vetoed.
		vetoed: count &log;
		## Records written to dns.log.
		records_logged: count &log;
		## Batches published over Broker or WebSocket.
		batches_sent: count &log;
		## When this process started, by the clock. With *pid* it tells two of one name apart.
		started: time &log;
		## The process's number.
		pid: count &log;
		## Memory that the process occupies now.
		memory_bytes: count &log;
		## How far the last packet is behind the clock; absent for a capture from a file.
		lag: interval &log &optional;
		## :zeek:see:`PANO::addresses`; absent when they are not known.
		addresses: vector of addr &log &optional;
	};

	## Raised for each row that is logged.
	global log_stats: event(row: Stats);
}

# Writes a row, once the records that are raised already are on their way.
global write_ledger: event();

# Whether this process sees packets, and so has a ledger: every one but a cluster's manager,
# loggers and proxies.
function watches(): bool
	{
	return ! Cluster::is_enabled()
	    || Cluster::local_node_type() == Cluster::WORKER;
	}

function write_stats()
	{
	local net = get_net_stats();

	local row = Stats($ts=network_time(), $sensor=sensor,
	    $packets_received=net$pkts_recvd, $packets_dropped=net$pkts_dropped,
	    $bytes_received=net$bytes_recvd, $dns_queries=totals$queries,
	    $dns_responses=totals$responses, $answered=totals$answered,
	    $timeouts=totals$timeouts, $unreachable=totals$unreachable,
	    $late=totals$late, $orphans=totals$orphans,
	    $retransmits=totals$retransmits,
	    $duplicate_replies=totals$duplicates,
	    $continued_replies=totals$continued, $copies=totals$copies,
	    $other_opcodes=totals$other_opcodes,
	    $partial_messages=totals$partial, $not_dns=totals$not_dns,
	    $malformed=totals$malformed, $pending=waiting(),
	    $evicted=totals$evicted, $evicted_replies=totals$evicted_replies,
	    $vetoed=totals$vetoed, $records_logged=totals$logged,
	    $batches_sent=totals$batches, $started=get_proc_stats()$start_time,
	    $pid=getpid(), $memory_bytes=resident_bytes());

	if ( reading_live_traffic() )
		row$lag = current_time() - network_time();

	if ( |addresses| > 0 )
		row$addresses = disguises ? disguised_addresses(addresses) : addresses;

	Log::write(STATS_LOG, row);
	}

event stats_due()
	{
	if ( zeek_is_terminating() )
		return;

	write_stats();
	schedule stats_interval { stats_due() };
	}

event write_ledger()
	{
	write_stats();
	}

event zeek_init() &priority=3
	{
	create_log(STATS_LOG, [$columns=Stats, $ev=log_stats, $path="pano_stats",
	    $policy=log_policy_stats]);

	if ( watches() && stats_interval > 0sec )
		schedule stats_interval { stats_due() };
	}

# The last transactions are logged when Zeek ends; their events are ahead of this one.
event zeek_done() &priority=-10
	{
	if ( watches() )
		event write_ledger();
	}
