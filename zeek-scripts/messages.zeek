##! Reads DNS messages off Zeek's events, one at a time, and hands them to the pairing.

@load base/misc/version
@load ./framing
@load ./main
@load ./message
@load ./packet
@load ./pairing
@load ./record

module PANO;

export {
	## Skip the additional section of replies that hold answers, where servers send glue.
	## Nothing of it is in the record; EDNS of queries and of error replies is read anyway.
	## It fills Zeek's global :zeek:see:`dns_skip_addl`, so it is on in ``sensor.zeek`` only.
	##
	## Example: ``redef PANO::skip_additional = T;``
	const skip_additional = F &redef;
}

# The opcodes of which transactions are made: those that Zeek takes apart.
@if ( Version::number >= 80100 )
const paired_opcodes = set(0, 4, 5);
@else
const paired_opcodes = set(0);
@endif

# More servers than these have their additional sections read.
const most_skipped = 100000;

const multicast: set[subnet] = {
	224.0.0.0/4,
	[ff00::]/8
};

global flows = 0;

# Counts the settings of `networks`.
global watch = 0;

# One number hashes several times faster than a 5-tuple.
function number(c: connection)
	{
	local id = c$id;
	# What is no query but looks like a reply makes Zeek take the server for the client.
	local ours = ( id$resp_p in ports || id$orig_p in ports )
	    && ( |networks| == 0 || id$orig_h in networks || id$resp_h in networks );

	# Who sends to a group has no answer from it.
	if ( ours && id$resp_h in multicast )
		ours = F;

	if ( ! ours )
		c$pano_flow = 0;
	else if ( ! c?$pano_flow || c$pano_flow == 0 )
		c$pano_flow = ++flows * 131072;

	c$pano_watch = watch;
	c$pano_proto = get_port_transport_proto(id$resp_p);

	# Zeek skips it only in messages that hold answers: queries and errors are read whole.
	if ( ours
	    && skip_additional
	    && id$resp_h !in dns_skip_addl
	    && |dns_skip_addl| < most_skipped )
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
		{
		packet_gone = T;
		take_unread();
		packet_gone = F;
		}

	if ( due )
		{
		due = F;
		publish(reading);
		}
	}

# The next message is none of ours.
function pass_by()
	{
	end_message();
	stage = PASSED;
	}

# A message that no transaction is made of.
function pass_other(msg: dns_msg, size: count)
	{
	if ( msg$opcode in opcodes && fits(msg, size + not_captured()) )
		++totals$other_opcodes;
	else
		++totals$not_dns;
	}

# Takes the next message in hand, if it is one of ours.
function begins(c: connection, is_orig: bool, msg: dns_msg, size: count): bool
	{
	if ( due || stage == UNREAD )
		end_message();

	# The usual cases first: no function is called for them.
	if ( ( msg$opcode != 0 && msg$opcode !in paired_opcodes )
	    || ( ( msg$num_queries > 1 || least_header + least_record * ( msg$num_answers + msg$num_auth + msg$num_addl ) > size ) && ! fits(msg, size + not_captured()) ) )
		{
		stage = PASSED;
		pass_other(msg, size);
		return F;
		}

	stage = UNREAD;
	flow = c;
	head = msg;
	length = size;
	seen_at = network_time();
	pair_key = c$pano_flow + msg$id;
	ends = c$id;
	reads_additional = ! dns_skip_all_addl;

	if ( is_orig == msg$QR )
		ask_in_reverse();

	return T;
	}

function take_question(query: string, qtype: count, qclass: count)
	{
	# Made in one piece: filled in field by field it costs more.
	reading = Info($ts=seen_at, $uid=flow$uid, $id=ends, $proto=flow$pano_proto,
	    $trans_id=head$id, $query=query, $qclass=qclass,
	    $qclass_name=qclass == 1 ? internet : DNS::classes[qclass],
	    $qtype=qtype, $qtype_name=type_names[qtype], $RD=head$RD, $Z=head$Z,
	    $CD=head$CD, $query_bytes=length, $sensor=sensor);

	if ( reads_additional )
		reading$DO = F;

	if ( head$opcode != 0 )
		add_opcode(reading);

	take_query();
	}

event dns_message(c: connection, is_orig: bool, msg: dns_msg, len: count)
	{
	if ( ! c?$pano_flow || c$pano_watch != watch )
		number(c);

	if ( c$pano_flow == 0 )
		pass_by();
	else if ( c$pano_proto == tcp && ! was_whole(c, is_orig, len) )
		{
		pass_by();
		count_halves(c);
		}
	else if ( begins(c, is_orig, msg, len) && msg$num_queries == 0 )
		take_unread();
	}

event dns_request(c: connection, msg: dns_msg, query: string, qtype: count,
    qclass: count)
	{
	# A message with several questions is known by its first.
	if ( stage == UNREAD )
		take_question(query, qtype, qclass);
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

@ifdef ( dns_dynamic_update )
# The zone of an update stands where others have their question (RFC 2136, 2.3).
event dns_dynamic_update(c: connection, msg: dns_msg, zname: string,
    zclass: count)
	{
	if ( stage != UNREAD )
		return;

	if ( msg$QR )
		take_reply(zname, 6, zclass);
	else
		take_question(zname, 6, zclass);
	}
@endif

# In quiet traffic no next message tells that the last one has ended.
event message_ended()
	{
	pass_by();
	schedule 100msec { message_ended() };
	}

# What is set at run time decides about living connections too, at their next message.
function networks_changed(id: string, value: set[subnet]): set[subnet]
	{
	++watch;
	return value;
	}

event zeek_init()
	{
	Option::set_change_handler("PANO::networks", networks_changed);
	schedule 100msec { message_ended() };
	}

event zeek_done() &priority=5
	{
	pass_by();
	}
