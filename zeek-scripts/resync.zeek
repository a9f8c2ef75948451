##! Reads messages behind a gap in the capture of a TCP connection, where Zeek's parser is lost:
##! header and question, not the records. No message is invented: a reply has to be one
##! that is waited for, and a query has to end where the next message, or the segment, does.

@load ./framing
@load ./main
@load ./message
@load ./messages
@load ./pending

module PANO;

# So far into a segment the beginning of a message is looked for, and so many bytes are kept.
const search_bytes = 2048;
const unread_bytes = 131072;

type Question: record {
	readable: bool &default=F;
	name: string &default="";
	qtype: count &default=0;
	qclass: count &default=0;
};

function number_at(bytes: string, at: count): count
	{
	return bytestring_to_count(bytes[at : at + 2]);
	}

function read_header(bytes: string): dns_msg
	{
	local flags = number_at(bytes, 2);
	local msg: dns_msg;
	msg$id = number_at(bytes, 0);
	msg$QR = flags >= 0x8000;
	msg$opcode = flags / 0x800 % 16;
	msg$AA = flags / 0x400 % 2 == 1;
	msg$TC = flags / 0x200 % 2 == 1;
	msg$RD = flags / 0x100 % 2 == 1;
	msg$RA = flags / 0x80 % 2 == 1;
	msg$Z = flags / 0x10 % 8;
	msg$AD = flags / 0x20 % 2 == 1;
	msg$CD = flags / 0x10 % 2 == 1;
	msg$rcode = flags % 16;
	msg$num_queries = number_at(bytes, 4);
	msg$num_answers = number_at(bytes, 6);
	msg$num_auth = number_at(bytes, 8);
	msg$num_addl = number_at(bytes, 10);
	return msg;
	}

# A first question is never compressed: there is nothing that it could point to.
function read_question(bytes: string): Question
	{
	local at = least_header;
	local name = "";

	while ( at < |bytes| && at < least_header + 256 )
		{
		local size = bytestring_to_count(bytes[at]);
		++at;

		if ( size == 0 && at + 4 <= |bytes| )
			return Question($readable=T, $name=to_lower(name), $qtype=number_at(bytes,
			    at), $qclass=number_at(bytes, at + 2));

		if ( size == 0 || size > 63 )
			break;

		name += ( name == "" ? "" : "." ) + bytes[at : at + size];
		at += size;
		}

	return Question();
	}

# Takes a whole message in, as the events of messages.zeek do.
function read_message(c: connection, is_orig: bool, bytes: string)
	{
	local msg = read_header(bytes);

	if ( ! begins(c, is_orig, msg, |bytes|) )
		return;

	reads_additional = F;
	local asked = read_question(bytes);

	if ( msg$num_queries == 0 || ! asked$readable )
		take_unread();
	else if ( msg$QR )
		take_reply(asked$name, asked$qtype, asked$qclass);
	else
		take_question(asked$name, asked$qtype, asked$qclass);

	stage = PASSED;
	}

# Whether bytes, from the length in front of a message on, can begin one.
function may_begin(bytes: string): bool
	{
	if ( |bytes| < 2 + least_header )
		return F;

	local msg = read_header(bytes[2:]);
	return msg$opcode == 0 && fits(msg, number_at(bytes, 0));
	}

# Whether bytes, from the length in front of a message on, do begin one.
function does_begin(c: connection, is_orig: bool, bytes: string): bool
	{
	local size = number_at(bytes, 0);

	if ( ! may_begin(bytes) || |bytes| < 2 + size )
		return F;

	local asked = read_question(bytes[2 : 2 + size]);

	if ( ! asked$readable )
		return F;

	local msg = read_header(bytes[2:]);

	if ( msg$QR )
		return waits(c$pano_flow + msg$id + ( is_orig ? 65536 : 0 ), asked$name,
		    asked$qtype);

	# Two servers that ask each other: what looks like a query may stand in a reply's data.
	if ( c$id$orig_p in ports && c$id$resp_p in ports )
		return F;

	return |bytes| == 2 + size || may_begin(bytes[2 + size :]);
	}

# Looks for the beginning of a message.
function search(c: connection, is_orig: bool, stream: Stream)
	{
	local bytes = stream$unread;
	local at = 0;

	while ( at + 2 + least_header <= |bytes| && at < search_bytes )
		{
		if ( does_begin(c, is_orig, bytes[at:]) )
			{
			stream$framed = T;
			stream$unread = bytes[at:];
			return;
			}

		++at;
		}

	# The beginning of a segment is the best guess for the next search.
	if ( |bytes| > 2 * search_bytes )
		stream$unread = "";
	}

function read_behind_gap(c: connection, is_orig: bool, stream: Stream,
    contents: string)
	{
	if ( stream$skip >= |contents| )
		{
		stream$skip -= |contents|;
		return;
		}

	stream$unread += contents[stream$skip :];
	stream$skip = 0;

	if ( ! stream$framed )
		search(c, is_orig, stream);

	while ( stream$framed && |stream$unread| >= 2 )
		{
		local size = number_at(stream$unread, 0);

		if ( |stream$unread| < 2 + size )
			break;

		if ( size >= least_header )
			read_message(c, is_orig, stream$unread[2 : 2 + size]);

		stream$unread = stream$unread[2 + size :];
		}

	if ( |stream$unread| > unread_bytes )
		stream$unread = "";
	}

# A capture that begins in the middle of a connection may begin in the middle of a message.
function begins_inside(c: connection, is_orig: bool, contents: string): bool
	{
	return ( is_orig ? "S" : "h" ) !in c$history
	    && |contents| >= 2 + least_header
	    && ! may_begin(contents);
	}

event tcp_contents(c: connection, is_orig: bool, seq: count, contents: string)
	{
	if ( ! c?$pano_flow )
		{
		if ( c$id$resp_p !in ports && c$id$orig_p !in ports )
			return;

		number(c);
		}

	if ( c$pano_flow == 0 )
		return;

	if ( ! c?$pano_sent )
		c$pano_sent = table();

	if ( is_orig !in c$pano_sent )
		c$pano_sent[is_orig] = Stream($lost=begins_inside(c, is_orig, contents));

	local stream = c$pano_sent[is_orig];
	segment = contents;
	stream$whole = vector();
	stream$announced = 0;

	# Zeek counts the bytes of a stream from 1.
	if ( seq > stream$delivered + 1 )
		lose(stream, seq - 1 - stream$delivered);

	stream$delivered = seq - 1 + |contents|;

	if ( stream$lost )
		read_behind_gap(c, is_orig, stream, contents);
	else
		frame(stream, contents);
	}
