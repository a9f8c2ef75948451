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

function qtype_name(qtype: count): string
	{
	return qtype in DNS::query_types ? DNS::query_types[qtype] : fmt("TYPE%d",
	    qtype);
	}

function publish(info: Info)
	{
	if ( info$id$resp_h in server_names )
		info$server = server_names[info$id$resp_h];

	if ( ! hook transaction(info) )
		{
		++totals$vetoed;
		return;
		}

	++totals$logged;
	Log::write(LOG, info);
	}

function asked(m: Message, outcome: string): Info
	{
	local info = Info($ts=m$ts, $uid=m$uid, $id=m$id,
	    $proto=get_port_transport_proto(m$id$resp_p), $trans_id=m$head$id,
	    $RD=m$head$RD, $Z=m$head$Z, $CD=m$head$CD,
	    $retransmits=m$retransmits, $outcome=outcome, $sensor=sensor);

	if ( m?$query )
		{
		info$query = m$query;
		info$qclass = m$qclass;
		info$qclass_name = DNS::classes[m$qclass];
		info$qtype = m$qtype;
		info$qtype_name = qtype_name(m$qtype);
		}

	if ( m?$edns )
		{
		info$edns_bufsize = m$edns$payload_size;
		info$DO = m$edns$z_field >= 0x8000;
		}

	if ( m?$ecs )
		info$ecs = m$ecs;

	return info;
	}

function replied(info: Info, m: Message)
	{
	local head = m$head;
	local rcode = m?$edns ? m$edns$extended_rcode : head$rcode;
	info$rcode = rcode;
	info$rcode_name = DNS::base_errors[rcode];
	info$AA = head$AA;
	info$TC = head$TC;
	info$RA = head$RA;
	info$AD = head$AD;
	info$rejected = head$num_answers + head$num_auth + head$num_addl == 0;
	info$reply_bytes = m$bytes;

	if ( m?$answers )
		{
		info$answers = m$answers;
		info$TTLs = m$TTLs;
		}
	}

function log_timeout(query: Message)
	{
	local info = asked(query, "timeout");
	info$query_bytes = query$bytes;
	publish(info);
	}

function log_orphan(reply: Message)
	{
	local info = asked(reply, "orphan");
	replied(info, reply);
	publish(info);
	}

function log_pair(query: Message, reply: Message, outcome: string)
	{
	local info = asked(query, outcome);
	info$query_bytes = query$bytes;
	replied(info, reply);

	# Zeek's clock stands still while a capture's runs backwards; then nobody knows.
	if ( reply$ts > query$ts )
		info$rtt = reply$ts - query$ts;

	if ( query?$repeated )
		info$rtt_last = reply$ts - query$repeated;

	publish(info);
	}
