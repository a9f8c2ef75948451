##! The packet that brought the message in hand. Zeek's events say nothing of it, so what only
##! it can tell is looked up when it is needed: which is rare, but for copies.

@load ./main
@load ./message

module PANO;

# Whether the message in hand came with an earlier packet: one whose question turned out not to
# be readable.
global packet_gone = F;

# What TCP has just delivered.
global segment = "";

# A count in network order.
function two_bytes(n: count): string
	{
	return hexstr_to_bytestring(fmt("%04x", n % 65536));
	}

# Where the UDP header of a message of this size, sent over this connection, begins in a
# packet; 0 is nowhere, as for the last of several fragments.
function udp_header(c: connection, size: count, packet: string): count
	{
	local orig = port_to_count(c$id$orig_p);
	local resp = port_to_count(c$id$resp_p);
	local ulen = two_bytes(size + 8);
	local at = strstr(packet, two_bytes(orig) + two_bytes(resp) + ulen);

	if ( at == 0 )
		at = strstr(packet, two_bytes(resp) + two_bytes(orig) + ulen);

	return at;
	}

# Whether two packets with the same message are one that was captured twice. Headers below IP
# may differ between two taps, as may the hop limit; its identification stands 16 bytes before
# the UDP header, and in IPv6 a part of the addresses does.
function same_packet(a: string, b: string): bool
	{
	if ( a == b )
		return T;

	local in_a = udp_header(flow, length, a);
	local in_b = udp_header(flow, length, b);

	if ( in_a <= 16 || in_b <= 16 )
		return F;

	local size = length + 8;
	return sub_bytes(a, in_a - 16, 2) == sub_bytes(b, in_b - 16, 2)
	    && sub_bytes(a, in_a, size) == sub_bytes(b, in_b, size);
	}

# The bytes of the message in hand, or what is left of the packet behind its header.
function message_bytes(): string
	{
	if ( flow$pano_proto == tcp )
		return segment;

	local packet = get_current_packet()$data;
	local at = udp_header(flow, length, packet);
	return at == 0 ? packet : sub_bytes(packet, at + 8, |packet|);
	}

# So many bytes of the packet are missing in the capture.
function not_captured(): count
	{
	local packet = get_current_packet();
	return packet$len > packet$caplen ? packet$len - packet$caplen : 0;
	}

# Whether the packet was captured in part only.
function cut_short(): bool
	{
	return not_captured() > 0;
	}
