##! Pairs replies with queries: one table for all connections.

@load ./copies
@load ./edns
@load ./main
@load ./message
@load ./pending
@load ./record
@load ./strays

module PANO;

# The query in hand belongs to a reply that came before it: nobody knows how long that took.
function take_asked_late(info: Info)
	{
	++totals$answered;

	if ( |lately$listed| >= max_pending )
		forget_older_answers();

	lately$listed += pair_key;

	if ( reading?$query )
		add_question(info, reading$query, reading$qtype, reading$qclass);

	info$outcome = "answered";
	info$ts = seen_at;
	info$RD = head$RD;
	info$Z = head$Z;
	info$CD = head$CD;
	delete info$DO;
	delete info$edns_bufsize;
	delete info$ecs;
	info$query_bytes = length;

	if ( reads_additional )
		info$DO = F;

	reading = info;
	if ( info?$packet )
		keep_answered(info);

	due = T;
	}

# A query whose key is not new, or not sure to be.
function take_known_query()
	{
	if ( awaited(reading) )
		{
		if ( is_copy(found, found?$repeated ? found$repeated : found$ts) )
			{
			--totals$queries;
			pass_copy();
			return;
			}

		++totals$retransmits;
		++found$retransmits;
		found$repeated = seen_at;
		keep_packet(found);
		}
	else if ( is_copy_of_answered() )
		{
		--totals$queries;
		pass_copy();
		}
	else if ( came_early(reading) )
		take_asked_late(found);
	else
		wait();
	}

# Takes in the query in hand, once its question is read and its record is begun.
function take_query()
	{
	stage = QUERY;
	++totals$queries;

	if ( flow$pano_proto == udp )
		keep_packet(reading);

	if ( pair_key in pending
	    || pair_key in answered_now
	    || ( |answered_before| > 0 && pair_key in answered_before )
	    || ( |pending_longer| > 0 && pair_key in pending_longer )
	    || |early| + |early_longer| + |sharing| > 0 )
		take_known_query();
	else if ( |pending| >= room )
		wait();
	else
		pending[pair_key] = reading;
	}

# Takes in the query in hand that has no question, or none that can be read.
function take_nameless_query()
	{
	reading = new_record();
	reading$query_bytes = length;

	if ( reads_additional )
		reading$DO = F;

	take_query();
	}

# The query has the reply in hand.
function take_answer(info: Info)
	{
	++totals$answered;

	if ( |lately$listed| >= max_pending )
		forget_older_answers();

	lately$listed += pair_key;
	complete(info);

	if ( info?$packet )
		keep_answered(info);

	due = T;

	if ( info?$qtype && ( info$qtype == AXFR || info$qtype == IXFR ) )
		expect_more();
	}

function take_other_reply(reply: Info)
	{
	if ( ! awaited(reply) )
		{
		take_stray_reply(reply);
		return;
		}

	stop_waiting(found_key, found);
	take_answer(found);
	}

# Takes in the reply in hand, once its question is read.
function take_reply(query: string, qtype: count, qclass: count)
	{
	++totals$responses;

	# The usual case, without the searches that the others take.
	local asked = pending[pair_key];

	if ( asked?$query
	    && asked$query == query
	    && asked$qtype == qtype
	    && seen_at - asked$ts <= query_timeout )
		{
		delete pending[pair_key];
		take_answer(asked);
		return;
		}

	local reply = new_record();
	add_question(reply, query, qtype, qclass);
	take_other_reply(reply);
	}

# Takes in the reply in hand that has no question, or none that can be read.
function take_nameless_reply()
	{
	++totals$responses;
	take_other_reply(new_record());
	}
