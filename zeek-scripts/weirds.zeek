##! What Zeek's parser complains about: messages that it does not announce otherwise, and broken
##! ones.

@load ./framing
@load ./main
@load ./message
@load ./messages
@load ./packet
@load ./resync

module PANO;

# Complaints that do not mean a broken message: a type that Zeek does not know, an empty record,
# beyond which it does not read, a reply to an update, which need not repeat the zone.
const harmless = set("DNS_RR_unknown_type", "DNS_zero_rdlength",
    "DNS_DU_invalid_zone_count");

# Whether the header of a message that Zeek does not announce may be one. It has to be looked
# up in the packet; over TCP its length has said enough.
function header_fits(c: connection): bool
	{
	if ( c$pano_proto == tcp )
		return T;

	local packet = get_current_packet();
	local ports_sent = two_bytes(port_to_count(c$id$orig_p)) + two_bytes(
	    port_to_count(c$id$resp_p));
	local at = strstr(packet$data, ports_sent);

	if ( at == 0 )
		at = strstr(packet$data, two_bytes(port_to_count(c$id$resp_p)) + two_bytes(
		    port_to_count(c$id$orig_p)));

	# Of fragments the first is not at hand.
	if ( at == 0 || at + 7 + least_header > |packet$data| )
		return at == 0;

	local size = bytestring_to_count(sub_bytes(packet$data, at + 4, 2));
	return size >= 8
	    && fits(read_header(sub_bytes(packet$data, at + 8, least_header)), size - 8);
	}

# A message with an opcode of which Zeek reads no more than that.
function take_unknown_opcode(c: connection, opcode: count)
	{
	if ( opcode in opcodes && header_fits(c) )
		++totals$other_opcodes;
	else
		++totals$not_dns;
	}

# Zeek reads an OPT record to the message's end, whatever its length says.
function is_harmless(name: string): bool
	{
	return name in harmless
	    || ( name == "EDNS_truncated_option" && head$num_addl > 1 );
	}

event conn_weird(name: string, c: connection, addl: string)
	{
	if ( /^(E?DNS|DNSSEC|dns)_/ !in name )
		return;

	if ( ! c?$pano_flow || c$pano_watch != watch )
		number(c);

	if ( c$pano_flow == 0 )
		return;

	if ( name == "DNS_unknown_opcode" )
		{
		if ( was_any_whole(c) )
			take_unknown_opcode(c, to_count(addl));
		else
			count_halves(c);
		}
	else if ( name == "DNS_truncated_len_lt_hdr_len" )
		{
		if ( cut_short() )
			++totals$malformed;
		else if ( was_any_whole(c) )
			++totals$not_dns;
		else
			count_halves(c);
		}
	else if ( name == "DNS_truncated_quest_too_short"
	    && stage == UNREAD
	    && c$pano_proto == udp
	    && cut_short() )
		{
		# Nobody knows what was asked, as the capture does not show it.
		++totals$malformed;
		stage = PASSED;
		}
	else if ( stage != PASSED && ! is_harmless(name) )
		++totals$malformed;
	}
