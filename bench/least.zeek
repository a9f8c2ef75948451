##! What any script has to do that logs a query and its reply as one record of PANO's columns:
##! take the events, keep the query's record in a table, fill in the reply's header, write it. No
##! answers, no retransmissions, no timeouts, nothing compared or counted. It is a reference,
##! no bound: what the package costs beside it varies with the capture (1.2 to 2.9 times).

@load ../zeek-scripts/logs
@load base/protocols/dns/consts

module Least;

redef ignore_checksums = T;
redef likely_server_ports += {
	53/udp,
	53/tcp
};
redef dns_skip_all_addl = T;

redef record connection += {
	number: count &optional;
};

global connections = 0;
global length = 0;
global seen_at: time;
global key = 0;
global waiting: table[count] of PANO::Info;

event dns_message(c: connection, is_orig: bool, msg: dns_msg, len: count)
	{
	if ( ! c?$number )
		c$number = ++connections * 65536;

	length = len;
	seen_at = network_time();
	key = c$number + msg$id;
	}

event dns_request(c: connection, msg: dns_msg, query: string, qtype: count,
    qclass: count)
	{
	waiting[key] = PANO::Info($ts=seen_at, $uid=c$uid, $id=c$id, $proto=udp,
	    $trans_id=msg$id, $query=query, $qclass=qclass,
	    $qclass_name="C_INTERNET", $qtype=qtype, $qtype_name="A",
	    $RD=msg$RD, $Z=msg$Z, $CD=msg$CD, $query_bytes=length,
	    $sensor=PANO::sensor);
	}

function write_reply(msg: dns_msg)
	{
	if ( key !in waiting )
		return;

	local info = waiting[key];
	delete waiting[key];
	info$rtt = seen_at - info$ts;
	info$rcode = msg$rcode;
	info$rcode_name = "NOERROR";
	info$AA = msg$AA;
	info$TC = msg$TC;
	info$RA = msg$RA;
	info$AD = msg$AD;
	info$reply_bytes = length;
	Log::write(PANO::LOG, info);
	}

event dns_query_reply(c: connection, msg: dns_msg, query: string, qtype: count,
    qclass: count)
	{
	write_reply(msg);
	}

event dns_rejected(c: connection, msg: dns_msg, query: string, qtype: count,
    qclass: count)
	{
	write_reply(msg);
	}
