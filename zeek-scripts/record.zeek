##! Fills the records in, and sends them out.

@load base/misc/version
@load base/protocols/dns/consts
@load ./json
@load ./main
@load ./message
@load ./pseudonyms

module PANO;

# The names that nearly every record has, at hand.
global internet = DNS::classes[1];
global no_error = DNS::base_errors[0];

# Names by number; what has none is called as in RFC 3597.
global type_names: table[count] of string &default=function(qtype: count): string
	{
	return fmt("TYPE%d", qtype);
	};

# Whether records are published, too, and where their lines go then.
global publishes = F;
global add_line: function(log: string, line: string);

# Whether a filter takes the record that is written.
global taken = F;

event zeek_init() &priority=5
	{
	for ( qtype, name in DNS::query_types )
		type_names[qtype] = name;
	}

function add_opcode(info: Info)
	{
	info$opcode = head$opcode;
@if ( Version::number >= 80100 )
	info$opcode_name = DNS::opcodes[head$opcode];
@endif
	}

# Starts a record from the message in hand: a query, or a reply without one.
function new_record(): Info
	{
	local info = Info($ts=seen_at, $uid=flow$uid, $id=ends, $proto=flow$pano_proto,
	    $trans_id=head$id, $RD=head$RD, $Z=head$Z, $CD=head$CD,
	    $sensor=sensor);

	if ( head$opcode != 0 )
		add_opcode(info);

	return info;
	}

# Writes down what was asked.
function add_question(info: Info, query: string, qtype: count, qclass: count)
	{
	info$query = query;
	info$qclass = qclass;
	info$qclass_name = DNS::classes[qclass];
	info$qtype = qtype;
	info$qtype_name = type_names[qtype];
	}

# Whether EDNS, not read, could make another response code of this one: of 0 BADVERS (16), of 7
# BADCOOKIE (23), as YXRRSET answers no lookup. Replies with BADVERS have nothing else.
function may_be_extended(rcode: count): bool
	{
	return ! reads_additional
	    && head$num_addl > 0
	    && ( rcode == 7 || ( rcode == 0 && head$num_answers == 0 && head$num_auth == 0 ) );
	}

# Makes this the record of the reply in hand: writes down what its header says and how long
# it took. Its answers come into it later, one by one.
function complete(info: Info)
	{
	reading = info;
	stage = REPLY;

	local rcode = head$rcode;

	if ( reads_additional || ! may_be_extended(rcode) )
		{
		info$rcode = rcode;
		info$rcode_name = rcode == 0 ? no_error : DNS::base_errors[rcode];
		}

	info$AA = head$AA;
	info$TC = head$TC;
	info$RA = head$RA;
	info$AD = head$AD;
	info$reply_bytes = length;

	if ( head$num_answers == 0 && head$num_auth == 0 && head$num_addl == 0 )
		info$rejected = T;

	# Zeek's clock stands still while a capture's runs backwards; then nobody knows.
	if ( seen_at > info$ts )
		info$rtt = seen_at - info$ts;

	if ( info$retransmits > 0 )
		info$rtt_last = seen_at - info$repeated;
	}

# Names the server, asks the hook, and logs, under pseudonyms where the site wants them.
function publish(info: Info)
	{
	if ( |server_names| > 0 && info$id$resp_h in server_names )
		info$server = server_names[info$id$resp_h];

	taken = F;
	local leaving = info;

	if ( hook transaction(info) )
		{
		if ( disguises )
			leaving = disguised(info);

		Log::write(LOG, leaving);
		}

	if ( ! taken )
		{
		++totals$vetoed;
		return;
		}

	++totals$logged;

	if ( publishes )
		add_line("dns", json_line(leaving));
	}

# Runs after all others, so only when none of them has broken off.
hook log_policy(info: Info, id: Log::ID, filter: Log::Filter) &priority=-1000000
	{
	taken = T;
	}
