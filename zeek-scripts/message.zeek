##! The message in hand. Its events come one after another, with none of another message's
##! between them, so what is known of it stands in globals, and it has ended when the next
##! one begins. (Zeek's own ``dns_end`` says so too, for a twentieth of all the work.)

@load ./main

module PANO;

redef record connection += {
	## The connection's number in this process, with room for an id of 16 bits; 0 when
	## it is not watched.
	pano_flow: count &optional;

	## UDP or TCP.
	pano_proto: transport_proto &optional;
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

# The number of its connection and its id, which find the transaction.
global pair_key = 0;

# Its record, and whether that goes out when the message ends.
global reading: Info;
global due = F;
