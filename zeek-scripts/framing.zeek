##! Which messages over TCP were whole. Zeek's parser is handed what is left of a half message
##! when its connection closes, and after a gap in the capture whatever follows, as if it
##! belonged to the message before. So the lengths that the stream itself states (RFC 1035,
##! 4.2.2) are read here too, and only a message that one of them announced counts. What is whole
##! behind a gap is read by ``resync.zeek``.

@load ./main
@load ./message
@load ./packet

module PANO;

# One direction of a connection.
type Stream: record {
	## How many bytes were delivered.
	delivered: count &default=0;
	## What is known of the length in front of the next message.
	prefix: string &default="";
	## Whether a message is being delivered, its length, and how much of it is still to come.
	inside: bool &default=F;
	size: count &default=0;
	missing: count &default=0;
	## Whether what was delivered of it at the end is counted.
	half: bool &default=F;
	## The lengths of the messages that the last delivery completed, and how many of them
	## the parser has announced since.
	whole: vector of count &default=vector();
	announced: count &default=0;
	## After a gap: the parser is lost.
	lost: bool &default=F;
	## After a gap: whether it is known where messages begin; bytes to be skipped until the
	## next one does; bytes that are not read yet.
	framed: bool &default=F;
	skip: count &default=0;
	unread: string &default="";
};

redef record connection += {
	## What the originator and the responder have sent.
	pano_sent: table[bool] of Stream &optional;
};

# Reads lengths off a delivery.
function frame(stream: Stream, contents: string)
	{
	local at = 0;
	local end = |contents|;

	while ( at < end )
		{
		if ( stream$inside )
			{
			if ( at + stream$missing > end )
				{
				stream$missing -= end - at;
				return;
				}

			at += stream$missing;
			stream$inside = F;
			stream$whole += stream$size;
			}
		else
			{
			local rest = 2 - |stream$prefix|;
			stream$prefix += contents[at : at + rest];
			at += rest;

			if ( |stream$prefix| == 2 )
				{
				stream$size = bytestring_to_count(stream$prefix);
				stream$missing = stream$size;
				stream$inside = T;
				stream$prefix = "";
				}
			}
		}
	}

# How many bytes are still to come of the message that is being delivered; 0 where that is not
# known.
function bytes_to_come(stream: Stream): count
	{
	if ( ! stream$lost )
		return stream$inside ? stream$missing : 0;

	if ( ! stream$framed || stream$skip > 0 || |stream$unread| < 2 )
		return stream$skip;

	return 2 + bytestring_to_count(stream$unread[0:2]) - |stream$unread|;
	}

# Bytes were not captured. Inside one message they leave the place of the next one known.
function lose(stream: Stream, gap: count)
	{
	local rest = bytes_to_come(stream);
	stream$framed = rest >= gap;
	stream$skip = stream$framed ? rest - gap : 0;
	stream$lost = T;
	stream$inside = F;
	stream$unread = "";
	stream$prefix = "";
	}

# The parser announces a message: takes it off the list of those that were whole.
function is_whole(stream: Stream, size: count): bool
	{
	while ( stream$announced < |stream$whole| )
		{
		local announced = stream$whole[stream$announced];
		++stream$announced;

		if ( announced == size )
			return T;
		}

	return F;
	}

# Whether the message in hand, of this size, was whole on the wire.
function was_whole(c: connection, is_orig: bool, size: count): bool
	{
	if ( ! c?$pano_sent )
		return T;

	if ( is_orig !in c$pano_sent )
		return F;

	return is_whole(c$pano_sent[is_orig], size);
	}

# The parser announces what is no whole message: the half of one that each direction may have left,
# whose sender it does not tell, and which it announces twice, or what it makes of bytes behind
# a gap.
function count_halves(c: connection)
	{
	for ( _, stream in c$pano_sent )
		if ( stream$inside && ! stream$half )
			{
			stream$half = T;
			++totals$partial;
			}
	}

# A complaint of the parser, which says neither who sent the message nor its size.
function was_any_whole(c: connection): bool
	{
	if ( ! c?$pano_sent )
		return T;

	for ( _, stream in c$pano_sent )
		if ( stream$announced < |stream$whole| )
			{
			++stream$announced;
			return T;
			}

	return F;
	}

# Zeek has taken the server for the originator until it saw its first message.
event connection_flipped(c: connection)
	{
	if ( ! c?$pano_sent )
		return;

	local sent: table[bool] of Stream;

	for ( is_orig, stream in c$pano_sent )
		sent[! is_orig] = stream;

	c$pano_sent = sent;
	}

# Zeek tells what TCP delivers for ports in two tables, which are constants to a redef, but
# not to a function.
function deliver(contents_of: table[port] of bool)
	{
	for ( p in ports )
		if ( get_port_transport_proto(p) == tcp )
			contents_of[p] = T;
	}

event zeek_init()
	{
	deliver(tcp_content_delivery_ports_orig);
	deliver(tcp_content_delivery_ports_resp);
	}
