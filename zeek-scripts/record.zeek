##! Fills the records in, and sends them out.

@load base/protocols/dns/consts
@load ./main
@load ./message

module PANO;

export {
	## Starts a record from the message in hand: a query, or a reply without one.
	global new_record: function(): Info;

	## Writes down what was asked.
	global add_question: function(info: Info, query: string, qtype: count,
	    qclass: count);

	## Makes this the record of the reply in hand: writes down what its header says and how
	## long it took. Its answers come into it later, one by one.
	global complete: function(info: Info);

	## Names the server, asks the hook, and logs.
	global publish: function(info: Info);
}

# The names that nearly every record has, at hand.
global internet = DNS::classes[1];
global no_error = DNS::base_errors[0];

# Names by number; what has none is called as in RFC 3597.
global type_names: table[count] of string &default=function(qtype: count): string
	{
	return fmt("TYPE%d", qtype);
	};

event zeek_init() &priority=5
	{
	for ( qtype, name in DNS::query_types )
		type_names[qtype] = name;
	}

function new_record(): Info
	{
	return Info($ts=seen_at, $uid=flow$uid, $id=flow$id, $proto=flow$pano_proto,
	    $trans_id=head$id, $RD=head$RD, $Z=head$Z, $CD=head$CD,
	    $sensor=sensor);
	}

function add_question(info: Info, query: string, qtype: count, qclass: count)
	{
	info$query = query;
	info$qclass = qclass;
	info$qclass_name = DNS::classes[qclass];
	info$qtype = qtype;
	info$qtype_name = type_names[qtype];
	}

function complete(info: Info)
	{
	reading = info;
	stage = REPLY;

	local rcode = head$rcode;
	info$rcode = rcode;
	info$rcode_name = rcode == 0 ? no_error : DNS::base_errors[rcode];
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

function publish(info: Info)
	{
	if ( |server_names| > 0 && info$id$resp_h in server_names )
		info$server = server_names[info$id$resp_h];

	if ( ! hook transaction(info) )
		{
		++totals$vetoed;
		return;
		}

	++totals$logged;
	Log::write(LOG, info);
	}
