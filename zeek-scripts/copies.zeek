##! Copies of packets: what a SPAN port shows twice, or two taps on one way. A repetition by a
##! client is another packet, with another identification (RFC 6864), and comes much later.
##! TCP's copies are removed by Zeek's reassembly.

@load ./main
@load ./message
@load ./packet

module PANO;

export {
	## The same packet seen again within this time is a copy, counted as such and nothing
	## else; 0 to take copies for repetitions and duplicate replies.
	##
	## Example: ``redef PANO::copies_within = 2msec;``
	option copies_within = 500usec;
}

# The transactions of the last moment that were answered, and those of the moment before.
global answered_now: table[count] of Info;
global answered_before: table[count] of Info;
global answered_since = network_time();

# Keeps the packet in hand, a query or a reply to nothing, with its record.
function keep_packet(info: Info)
	{
	if ( flow$pano_proto == udp && copies_within > 0sec && ! packet_gone )
		info$packet = get_current_packet()$data;
	}

# Whether the packet in hand is one that was kept with a record, seen again.
function is_copy(info: Info, kept_at: time): bool
	{
	if ( ! info?$packet || seen_at - kept_at > copies_within || packet_gone )
		return F;

	local packet = get_current_packet()$data;
	return same_packet(packet, info$packet)
	    || ( info?$reply_packet && same_packet(packet, info$reply_packet) );
	}

# Keeps an answered transaction for a moment.
function keep_answered(info: Info)
	{
	if ( seen_at - answered_since > copies_within )
		{
		answered_before = answered_now;
		answered_now = table();
		answered_since = seen_at;
		}

	info$reply_packet = get_current_packet()$data;
	info$answered_at = seen_at;
	answered_now[pair_key] = info;
	}

# Whether the packet in hand is a copy of a query or reply whose transaction has just ended.
function is_copy_of_answered(): bool
	{
	local info: Info;

	if ( pair_key in answered_now )
		info = answered_now[pair_key];
	else if ( pair_key in answered_before )
		info = answered_before[pair_key];
	else
		return F;

	return is_copy(info, info$answered_at);
	}

# Passes the message in hand over: it was counted when its packet was seen first.
function pass_copy()
	{
	++totals$copies;
	stage = PASSED;
	}
