##! An ICMP error instead of a reply: the query it quotes is over.

@load ./main
@load ./message
@load ./messages
@load ./packet
@load ./pending

module PANO;

# Destination unreachable, fragmentation needed (RFC 792): the packet was too long for a link,
# not for a server. In ICMPv6 the code means that nobody listens on the port (RFC 4443, 3.1).
const fragmentation_needed = 4;

# The DNS id in the quoted packet, which stands behind the UDP header; none where a router quotes
# no more than that, as RFC 792 allows.
function quoted_id(quoted: conn_id): vector of count
	{
	local packet = get_current_packet()$data;
	local ports_sent = two_bytes(port_to_count(quoted$orig_p)) + two_bytes(
	    port_to_count(quoted$resp_p));
	local at = strstr(packet, ports_sent);
	local none: vector of count;

	if ( at == 0 || |packet| < at + 9 )
		return none;

	return vector(bytestring_to_count(sub_bytes(packet, at + 8, 2)));
	}

function end_quoted(c: connection, quoted: conn_id)
	{
	local ids = quoted_id(quoted);

	if ( |ids| == 0 || ! c?$pano_flow || c$pano_flow == 0 )
		return;

	pass_by();
	local key = c$pano_flow + ids[0];

	if ( quoted$orig_h != c$id$orig_h || quoted$orig_p != c$id$orig_p )
		key += 65536;

	if ( key in pending )
		report(key, pending[key], "unreachable");
	else if ( key in pending_longer )
		report(key, pending_longer[key], "unreachable");
	}

event icmp_unreachable(c: connection, info: icmp_info, code: count,
    context: icmp_context)
	{
	if ( context$bad_hdr_len || ( ! info$v6 && code == fragmentation_needed ) )
		return;

	# Zeek says here that the protocol is ICMP's.
	local quoted = copy(context$id);
	quoted$proto = get_port_transport_proto(quoted$resp_p) == tcp ? 6 : 17;

	if ( quoted$resp_p !in ports && quoted$orig_p !in ports )
		return;

	if ( connection_exists(quoted) )
		end_quoted(lookup_connection(quoted), quoted);
	}
