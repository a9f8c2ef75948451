##! Reads DNS messages off Zeek's events, one at a time, and hands them to the tracker.

@load ./main
@load ./tracker

module PANO;

export {
	## Skip the additional section of replies that hold answers, where servers send glue.
	## Nothing of it is in the record; EDNS of queries and of error replies is read anyway.
	## It fills Zeek's global :zeek:see:`dns_skip_addl`, so it is on in ``sensor.zeek`` only.
	##
	## Example: ``redef PANO::skip_additional = T;``
	const skip_additional = F &redef;
}

redef record connection += {
	## The connection's number in this process; 0 when it is not watched.
	pano_flow: count &optional;
};

# The events of one message come one after another, with no other message's between.
global watching = F;
global message: Message;
global flows = 0;

function number(c: connection)
	{
	local id = c$id;
	local ours = id$resp_p in ports
	    && ( |networks| == 0 || id$orig_h in networks || id$resp_h in networks );
	c$pano_flow = ours ? ++flows : 0;

	# Zeek skips it only in messages that hold answers: queries and errors are read whole.
	if ( ours && skip_additional && |dns_skip_addl| < 100000 )
		add dns_skip_addl[id$resp_h];
	}

event dns_message(c: connection, is_orig: bool, msg: dns_msg, len: count)
	{
	if ( ! c?$pano_flow )
		number(c);

	watching = c$pano_flow != 0 && msg$opcode == 0;

	if ( watching )
		# Ids have 16 bits; one number hashes several times faster than a 5-tuple.
		message = Message($key=c$pano_flow * 65536 + msg$id, $ts=network_time(),
		    $uid=c$uid, $id=c$id, $head=msg, $bytes=len);
	}

event dns_request(c: connection, msg: dns_msg, query: string, qtype: count,
    qclass: count)
	{
	# A message with several questions is known by its first.
	if ( ! watching || message?$query )
		return;

	message$query = query;
	message$qtype = qtype;
	message$qclass = qclass;
	}

event dns_query_reply(c: connection, msg: dns_msg, query: string, qtype: count,
    qclass: count)
	{
	if ( ! watching || message?$query )
		return;

	message$query = query;
	message$qtype = qtype;
	message$qclass = qclass;
	}

event dns_rejected(c: connection, msg: dns_msg, query: string, qtype: count,
    qclass: count)
	{
	if ( ! watching || message?$query )
		return;

	message$query = query;
	message$qtype = qtype;
	message$qclass = qclass;
	}

event dns_EDNS_addl(c: connection, msg: dns_msg, ans: dns_edns_additional)
	{
	if ( watching )
		message$edns = ans;
	}

event dns_EDNS_ecs(c: connection, msg: dns_msg, opt: dns_edns_ecs)
	{
	if ( watching )
		message$ecs = opt$address / opt$source_prefix_len;
	}

event dns_end(c: connection, msg: dns_msg)
	{
	if ( ! watching )
		return;

	watching = F;

	if ( msg$QR )
		take_reply(c, message);
	else
		take_query(message);
	}
