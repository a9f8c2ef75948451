##! EDNS, which travels in the additional section (RFC 6891), where Zeek reads that.

@load ./main
@load ./message
@load ./packet
@load ./record

module PANO;

# What the OPT record of the message in hand says.
function take_opt(bufsize: count, rcode: count, flags: count)
	{
	if ( stage == REPLY && rcode > 15 )
		{
		reading$rcode = rcode;
		reading$rcode_name = DNS::base_errors[rcode];
		}

	if ( stage == QUERY || reading$outcome == "orphan" )
		{
		reading$edns_bufsize = bufsize;
		reading$DO = flags >= 0x8000;
		}
	}

# The client's network. Whoever sends an IPv4 address in IPv6's clothes, as ::ffff:192.0.2.1/128,
# means the last 32 bits of it.
function add_client_subnet(opt: dns_edns_ecs)
	{
	local bits = opt$source_prefix_len;

	if ( opt$family != "v6" || ! is_v4_addr(opt$address) )
		reading$ecs = opt$address / bits;
	else if ( bits >= 96 )
		reading$ecs = opt$address / ( bits - 96 );
	}

event dns_EDNS_addl(c: connection, msg: dns_msg, ans: dns_edns_additional)
    &group="PANO EDNS"
	{
	if ( stage == QUERY || stage == REPLY )
		take_opt(ans$payload_size, ans$extended_rcode, ans$z_field);
	}

event dns_EDNS_ecs(c: connection, msg: dns_msg, opt: dns_edns_ecs)
    &group="PANO EDNS"
	{
	if ( stage == QUERY || ( stage == REPLY && reading$outcome == "orphan" ) )
		add_client_subnet(opt);
	}

# Zeek's parser gives up at an empty record that others follow, such as an OPT record before a
# TSIG one. Its bytes are: the root's name, its type, the buffer size, the upper bits of the
# response code, a version, flags, and no length.
function read_empty_opt()
	{
	local bytes = message_bytes();
	local opt = "\x00\x00\x29";
	local at = find_str(bytes, opt, least_header);

	while ( at >= 0 && at + least_record <= |bytes| )
		{
		local rest = bytes[at : at + least_record];

		if ( ends_with(rest, "\x00\x00") )
			{
			take_opt(bytestring_to_count(rest[3:5]), bytestring_to_count(rest[5]) * 16 +
			    head$rcode, bytestring_to_count(rest[7:9]));
			return;
			}

		at = find_str(bytes, opt, int_to_count(at) + 1);
		}
	}

event conn_weird(name: string, c: connection, addl: string)
	{
	if ( name == "DNS_zero_rdlength"
	    && ( stage == QUERY || stage == REPLY )
	    && head$num_addl > 1
	    && reads_additional )
		read_empty_opt();
	}

# Zeek warns of handlers of events that its settings keep from being raised.
event zeek_init() &priority=21
	{
	if ( dns_skip_all_addl )
		disable_event_group("PANO EDNS");
	}
