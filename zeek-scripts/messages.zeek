##! Reads DNS messages off Zeek's events, one at a time, and hands them to the tracker.

@load ./main
@load ./message
@load ./record
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

global flows = 0;

# One number hashes several times faster than a 5-tuple.
function number(c: connection)
	{
	local id = c$id;
	local ours = id$resp_p in ports
	    && ( |networks| == 0 || id$orig_h in networks || id$resp_h in networks );
	c$pano_flow = ours ? ++flows * 65536 : 0;
	c$pano_proto = get_port_transport_proto(id$resp_p);

	# Zeek skips it only in messages that hold answers: queries and errors are read whole.
	if ( ours && skip_additional && |dns_skip_addl| < 100000 )
		add dns_skip_addl[id$resp_h];
	}

function take_unread()
	{
	if ( head$QR )
		take_nameless_reply();
	else
		take_nameless_query();
	}

# The message in hand has ended. It may be one whose question could not be read.
function end_message()
	{
	if ( stage == UNREAD )
		take_unread();

	if ( due )
		{
		due = F;
		publish(reading);
		}
	}

event dns_message(c: connection, is_orig: bool, msg: dns_msg, len: count)
	{
	if ( due || stage == UNREAD )
		end_message();

	if ( ! c?$pano_flow )
		number(c);

	if ( c$pano_flow == 0 || msg$opcode != 0 )
		{
		stage = PASSED;
		return;
		}

	stage = UNREAD;
	flow = c;
	head = msg;
	length = len;
	seen_at = network_time();
	pair_key = c$pano_flow + msg$id;

	if ( msg$num_queries == 0 )
		take_unread();
	}

event dns_request(c: connection, msg: dns_msg, query: string, qtype: count,
    qclass: count)
	{
	# A message with several questions is known by its first.
	if ( stage != UNREAD )
		return;

	# Made in one piece: filled in field by field it costs more.
	reading = Info($ts=seen_at, $uid=c$uid, $id=c$id, $proto=c$pano_proto,
	    $trans_id=msg$id, $query=query, $qclass=qclass,
	    $qclass_name=qclass == 1 ? internet : DNS::classes[qclass],
	    $qtype=qtype, $qtype_name=type_names[qtype], $RD=msg$RD, $Z=msg$Z,
	    $CD=msg$CD, $query_bytes=length, $sensor=sensor);
	take_query();
	}

event dns_query_reply(c: connection, msg: dns_msg, query: string, qtype: count,
    qclass: count)
	{
	if ( stage == UNREAD )
		take_reply(query, qtype, qclass);
	}

event dns_rejected(c: connection, msg: dns_msg, query: string, qtype: count,
    qclass: count)
	{
	if ( stage == UNREAD )
		take_reply(query, qtype, qclass);
	}

event dns_EDNS_addl(c: connection, msg: dns_msg, ans: dns_edns_additional)
	{
	if ( stage != QUERY && stage != REPLY )
		return;

	if ( stage == REPLY && ans$extended_rcode > 15 )
		{
		reading$rcode = ans$extended_rcode;
		reading$rcode_name = DNS::base_errors[ans$extended_rcode];
		}

	if ( stage == QUERY )
		reading$edns_bufsize = ans$payload_size;

	if ( stage == QUERY || reading$outcome == "orphan" )
		reading$DO = ans$z_field >= 0x8000;
	}

event dns_EDNS_ecs(c: connection, msg: dns_msg, opt: dns_edns_ecs)
	{
	if ( stage == QUERY || ( stage == REPLY && reading$outcome == "orphan" ) )
		reading$ecs = opt$address / opt$source_prefix_len;
	}

# In quiet traffic no next message tells that the last one has ended.
event message_ended()
	{
	end_message();
	stage = PASSED;
	schedule 100msec { message_ended() };
	}

event zeek_init()
	{
	schedule 100msec { message_ended() };
	}

event zeek_done() &priority=5
	{
	end_message();
	stage = PASSED;
	}
