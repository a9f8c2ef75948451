##! Makes one record of a query and its reply, and sends it out.

@load base/protocols/dns/consts
@load ./main

module PANO;

export {
	## A DNS message as it was read.
	type Message: record {
		## The number of its connection and its id, which find the transaction.
		key: count;
		ts: time;
		uid: string;
		id: conn_id;
		head: dns_msg;
		bytes: count;
		## The first question.
		query: string &optional;
		qclass: count &optional;
		qtype: count &optional;
		edns: dns_edns_additional &optional;
		ecs: subnet &optional;
		answers: vector of string &optional;
		TTLs: vector of interval &optional;
		## A query's repetitions, and the time of the last one.
		retransmits: count &default=0;
		repeated: time &optional;
	};

	## A query that got no reply.
	global log_timeout: function(query: Message);

	## A reply without a query.
	global log_orphan: function(reply: Message);

	## A query and its reply, ``answered`` or ``late``.
	global log_pair: function(query: Message, reply: Message, outcome: string);
}

# Names by number; what has none is called as in RFC 3597.
global type_names: table[count] of string &default=function(qtype: count): string
	{
	return fmt("TYPE%d", qtype);
	};

event zeek_init() &priority=5
	{
	for ( qtype, name in DNS::query_types )
		type_names[qtype] = name;
	}

function publish(info: Info)
	{
	if ( |server_names| > 0 && info$id$resp_h in server_names )
		info$server = server_names[info$id$resp_h];

	if ( ! hook transaction(info) )
		{
		++totals$vetoed;
		return;
		}

	++totals$logged;
	Log::write(LOG, info);
	}

# What the question was, and what came with it.
function add_question(info: Info, m: Message)
	{
	if ( m?$query )
		{
		info$query = m$query;
		info$qclass = m$qclass;
		info$qclass_name = DNS::classes[m$qclass];
		info$qtype = m$qtype;
		info$qtype_name = type_names[m$qtype];
		}

	if ( m?$edns )
		{
		info$edns_bufsize = m$edns$payload_size;
		info$DO = m$edns$z_field >= 0x8000;
		}

	if ( m?$ecs )
		info$ecs = m$ecs;
	}

function row(query: Message, reply: Message, outcome: string): Info
	{
	local asked = query$head;
	local said = reply$head;
	local rcode = reply?$edns ? reply$edns$extended_rcode : said$rcode;

	local info = Info($ts=query$ts, $uid=query$uid, $id=query$id,
	    $proto=get_port_transport_proto(query$id$resp_p),
	    $trans_id=asked$id, $rcode=rcode,
	    $rcode_name=DNS::base_errors[rcode], $AA=said$AA, $TC=said$TC,
	    $RD=asked$RD, $RA=said$RA, $Z=asked$Z,
	    $rejected=said$num_answers + said$num_auth + said$num_addl == 0,
	    $outcome=outcome, $retransmits=query$retransmits,
	    $reply_bytes=reply$bytes, $AD=said$AD, $CD=asked$CD,
	    $sensor=sensor);

	if ( reply?$answers )
		{
		info$answers = reply$answers;
		info$TTLs = reply$TTLs;
		}

	add_question(info, query);
	return info;
	}

function log_pair(query: Message, reply: Message, outcome: string)
	{
	local info = row(query, reply, outcome);
	info$query_bytes = query$bytes;

	# Zeek's clock stands still while a capture's runs backwards; then nobody knows.
	if ( reply$ts > query$ts )
		info$rtt = reply$ts - query$ts;

	if ( query?$repeated )
		info$rtt_last = reply$ts - query$repeated;

	publish(info);
	}

function log_orphan(reply: Message)
	{
	publish(row(reply, reply, "orphan"));
	}

function log_timeout(query: Message)
	{
	local head = query$head;
	local info = Info($ts=query$ts, $uid=query$uid, $id=query$id,
	    $proto=get_port_transport_proto(query$id$resp_p), $trans_id=head$id,
	    $RD=head$RD, $Z=head$Z, $CD=head$CD, $outcome="timeout",
	    $retransmits=query$retransmits, $query_bytes=query$bytes,
	    $sensor=sensor);
	add_question(info, query);
	publish(info);
	}
