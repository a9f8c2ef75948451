##! The message in hand. Its events come one after another, with none of another message's
##! between them, so what is known of it stands in globals, and it has ended when the next
##! one begins. (Zeek's own ``dns_end`` says so too, for a twentieth of all the work.)

@load ./main

module PANO;

redef record connection += {
	## The connection's number in this process, with room for an id of 16 bits and for which
	## end asked; 0 when it is not watched.
	pano_flow: count &optional;

	## UDP or TCP.
	pano_proto: transport_proto &optional;

	## The connection as the other end sees it, once that has asked.
	pano_reversed: conn_id &optional;

	## Which setting of :zeek:see:`PANO::networks` decided whether it is watched.
	pano_watch: count &default=0;
};

# What its further events are about: nothing of ours, a question still to come, a query
# whose record is begun, a reply whose record takes in answers.
type Stage: enum {
	PASSED,
	UNREAD,
	QUERY,
	REPLY
};

global stage = PASSED;

global flow: connection;
global head: dns_msg;
global length = 0;
global seen_at: time;

# Client and server. Who asks is told by the message and its sender, never by a port.
global ends: conn_id;

# The number of its connection, which end asked, and its id: they find the transaction.
global pair_key = 0;

# Its record, and whether that goes out when the message ends.
global reading: Info;
global due = F;

# Whether Zeek reads its additional section, where EDNS travels.
global reads_additional = F;

# The opcodes that are assigned (IANA, DNS OpCodes). Zeek takes some of them apart.
const opcodes = set(0, 1, 2, 4, 5, 6);

# The fewest bytes of a header, a question and a record (RFC 1035, 4.1).
const least_header = 12;
const least_question = 5;
const least_record = 11;

# Whether so many bytes can hold what their header counts. The first question may be cut off.
# One of many millions of random payloads passes.
function fits(msg: dns_msg, size: count): bool
	{
	local least = least_header + least_record * ( msg$num_answers + msg$num_auth +
	    msg$num_addl );

	if ( msg$num_queries > 1 )
		least += least_question * ( msg$num_queries - 1 );

	return least <= size;
	}

# The end that Zeek takes for the responder has asked.
function ask_in_reverse()
	{
	if ( ! flow?$pano_reversed )
		{
		local id = copy(flow$id);
		id$orig_h = flow$id$resp_h;
		id$orig_p = flow$id$resp_p;
		id$resp_h = flow$id$orig_h;
		id$resp_p = flow$id$orig_p;
		flow$pano_reversed = id;
		}

	ends = flow$pano_reversed;
	pair_key += 65536;
	}
