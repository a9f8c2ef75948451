##! A protocol for a test: echo.log, one record for each ICMP echo (RFC 792).

@load base/frameworks/logging

module Echo;

export {
	redef enum Log::ID += { LOG };

	type Info: record {
		## When the request was sent.
		ts: time &log;
		## Who asked whom.
		uid: string &log;
		id: conn_id &log;
		## Until the reply; absent without one.
		rtt: interval &log &optional;
		## Who saw it.
		sensor: string &log;
	};
}

global waiting: table[string, count, count] of Info;

event zeek_init()
	{
	Log::create_stream(LOG, [$columns=Info, $path="echo"]);
	}

event icmp_echo_request(c: connection, info: icmp_info, id: count, seq: count, payload: string)
	{
	waiting[c$uid, id, seq] = Info($ts=network_time(), $uid=c$uid, $id=c$id, $sensor=PANO::sensor);
	}

event icmp_echo_reply(c: connection, info: icmp_info, id: count, seq: count, payload: string)
	{
	if ( [c$uid, id, seq] !in waiting )
		return;

	local echo = waiting[c$uid, id, seq];
	delete waiting[c$uid, id, seq];
	echo$rtt = network_time() - echo$ts;
	Log::write(LOG, echo);
	}

event zeek_done()
	{
	for ( [uid, id, seq], echo in waiting )
		Log::write(LOG, echo);
	}
