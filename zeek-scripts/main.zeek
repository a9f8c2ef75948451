##! The record, its log stream, and everything a user may set or hook.

@load base/frameworks/cluster
@load base/frameworks/logging

module PANO;

export {
	redef enum Log::ID += { LOG };

	## Decides what is written, filter by filter, as in every Zeek log. What no filter takes
	## is not published either, and counted as ``vetoed``.
	##
	## Example, successful lookups stay out of the log::
	##
	##     hook PANO::log_policy(info: PANO::Info, id: Log::ID, filter: Log::Filter)
	##         { if ( info?$rcode && info$rcode == 0 ) break; }
	global log_policy: Log::PolicyHook;

	## One DNS transaction: the columns of Zeek's own dns.log, and more.
	type Info: record {
		## When the first query packet was seen; for an orphan, its reply.
		ts: time &log;
		## The connection, as in conn.log.
		uid: string &log;
		## Client and server.
		id: conn_id &log;
		## UDP or TCP.
		proto: transport_proto &log;
		## The id that pairs a reply with its query.
		trans_id: count &log;
		## From the first query packet to the first reply packet. Absent when that
		## is not known: without a reply, without a query, or out of order.
		rtt: interval &log &optional;
		## The name asked for, in lower case.
		query: string &log &optional;
		## The class asked for.
		qclass: count &log &optional;
		## The class's name.
		qclass_name: string &log &optional;
		## The type asked for.
		qtype: count &log &optional;
		## The type's name; ``TYPEn`` where it has none (RFC 3597).
		qtype_name: string &log &optional;
		## The response code, extended by EDNS where that was used (RFC 6891). Absent
		## where EDNS was there and not read, and could make another code of it.
		rcode: count &log &optional;
		## The response code's name.
		rcode_name: string &log &optional;
		## The reply is authoritative.
		AA: bool &log &default=F;
		## The reply is truncated.
		TC: bool &log &default=F;
		## The client wants recursion.
		RD: bool &log &default=F;
		## The server offers recursion.
		RA: bool &log &default=F;
		## The query's three reserved bits.
		Z: count &log &default=0;
		## The answer section, one text for each record.
		answers: vector of string &log &optional;
		## How long each answer may be cached.
		TTLs: vector of interval &log &optional;
		## The reply holds no record at all.
		rejected: bool &log &default=F;
		## What was asked for: 0 for a lookup; 4 and 5, NOTIFY and UPDATE, where Zeek takes
		## them apart (8.1 and later).
		opcode: count &log &default=0;
		## The opcode's name, as in Zeek's own log.
		opcode_name: string &log &default="query";
		## How the transaction ended: ``answered``; ``timeout``, no reply within
		## :zeek:see:`PANO::query_timeout`; ``unreachable``, an ICMP error came instead of a
		## reply; ``late``, the reply to a reported timeout, a response but not another query;
		## ``orphan``, a reply whose query was never seen.
		outcome: string &log &default="answered";
		## How often the query was repeated before a reply came.
		retransmits: count &log &default=0;
		## From the last repetition to the reply.
		rtt_last: interval &log &optional;
		## Length of the query's DNS message.
		query_bytes: count &log &optional;
		## Length of the reply's (first) DNS message.
		reply_bytes: count &log &optional;
		## The reply's data is authenticated (RFC 4035).
		AD: bool &log &default=F;
		## The client wants no checking.
		CD: bool &log &default=F;
		## The client wants DNSSEC records; absent where Zeek does not read the additional
		## section (:zeek:see:`dns_skip_all_addl`).
		DO: bool &log &optional;
		## The UDP payload that the client accepts; absent without EDNS, or unread as above.
		edns_bufsize: count &log &optional;
		## The client's network, when a resolver passes it on (RFC 7871).
		ecs: subnet &log &optional;
		## The server's name out of :zeek:see:`PANO::server_names`.
		server: string &log &optional;
		## Who saw it.
		sensor: string &log;
		## When the query was last repeated. Not logged, as all below.
		repeated: time &optional;
		## The packets of query and reply, to tell copies of them from repetitions.
		packet: string &optional;
		reply_packet: string &optional;
		## When its reply was seen.
		answered_at: time &optional;
		## The key that another question holds already.
		shared_key: count &optional;
	};

	## Called for each transaction before it is logged and published. Change the
	## record to enrich it, ``break`` to veto it (counted as ``vetoed`` in pano_stats).
	##
	## Example, a sensor that keeps nothing but failures::
	##
	##     hook PANO::transaction(info: PANO::Info)
	##         { if ( info$outcome == "answered" && info$rcode == 0 ) break; }
	global transaction: hook(info: Info);

	## Raised for each record that is logged.
	global log_dns: event(info: Info);

	## The name of this sensor, different for each Zeek process.
	##
	## Example: ``redef PANO::sensor = "fra1-resolver-tap";``
	option sensor = Cluster::node == "" ? gethostname() : fmt("%s/%s",
	    gethostname(), Cluster::node);

	## Ports that carry DNS between clients and servers. Ports beyond 53 belong into
	## :zeek:see:`likely_server_ports` too, so that Zeek knows the server from a reply alone.
	## Multicast DNS, LLMNR and NetBIOS have no transactions: their ports do not belong here.
	##
	## Example: ``redef PANO::ports += { 5300/udp };``
	const ports: set[port] = {
		53/udp,
		53/tcp
	} &redef;

	## Watch only clients or servers in these networks; all when empty.
	##
	## Example: ``redef PANO::networks += { 10.0.0.0/8, [2001:db8::]/32 };``
	option networks: set[subnet] = set();

	## Names for servers, written into the ``server`` column.
	##
	## Example: ``redef PANO::server_names += { [9.9.9.9] = "quad9" };``
	option server_names: table[addr] of string = table();

	## What went through since start, for scripts that watch the sensor. Every query is
	## one of *answered*, *timeouts*, *unreachable* and *retransmits* in the end, every response
	## one of *answered*, *late*, *orphans*, *duplicates* and *continued*. What each of them means
	## is said in :zeek:see:`PANO::Stats`.
	type Totals: record {
		queries: count &default=0;
		responses: count &default=0;
		answered: count &default=0;
		timeouts: count &default=0;
		unreachable: count &default=0;
		late: count &default=0;
		orphans: count &default=0;
		retransmits: count &default=0;
		duplicates: count &default=0;
		continued: count &default=0;
		copies: count &default=0;
		partial: count &default=0;
		not_dns: count &default=0;
		other_opcodes: count &default=0;
		malformed: count &default=0;
		evicted: count &default=0;
		evicted_replies: count &default=0;
		vetoed: count &default=0;
		logged: count &default=0;
		batches: count &default=0;
	};

	## The totals themselves.
	global totals = Totals();
}

event zeek_init() &priority=5
	{
	Analyzer::register_for_ports(Analyzer::ANALYZER_DNS, ports);
	}
