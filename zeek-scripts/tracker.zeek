##! Pairs replies with queries: one table for all connections.

@load ./main
@load ./message
@load ./record
@load ./waiting

module PANO;

export {
	## Takes in the query in hand, once its question is read and its record is begun.
	global take_query: function();

	## Takes in the query in hand that has no question, or none that can be read.
	global take_nameless_query: function();

	## Takes in the reply in hand, once its question is read.
	global take_reply: function(query: string, qtype: count, qclass: count);

	## Takes in the reply in hand that has no question, or none that can be read.
	global take_nameless_reply: function();
}

redef record connection += {
	## The ids of zone transfers on it: one reply of theirs is many messages.
	pano_transfers: set[count] &optional;
};

# What came early, keyed like the queries: replies held until the next second for their query.
global early: table[count] of Info;

# Keys answered within some seconds. Only a stray reply asks for them: until one comes they are
# a list, which costs a third of a set.
type Answered: record {
	since: time;
	listed: vector of count;
	known: set[count];
};

# The older generation is dropped whole.
global lately = Answered($since=network_time());
global earlier = lately;

const IXFR = 251;
const AXFR = 252;

# The query in hand belongs to a reply that came before it: nobody knows how long that took.
function take_asked_late(info: Info)
	{
	++totals$answered;
	lately$listed += pair_key;
	delete early[pair_key];

	if ( reading?$query )
		add_question(info, reading$query, reading$qtype, reading$qclass);

	info$outcome = "answered";
	info$ts = seen_at;
	info$RD = head$RD;
	info$Z = head$Z;
	info$CD = head$CD;
	info$query_bytes = length;
	reading = info;
	due = T;
	}

# A query whose key is not new, or not sure to be.
function take_known_query()
	{
	if ( awaited(reading) )
		{
		++totals$retransmits;
		++found$retransmits;
		found$repeated = seen_at;
		}
	else if ( pair_key in early && same_question(reading, early[pair_key]) )
		take_asked_late(early[pair_key]);
	else
		wait();
	}

function take_nameless_query()
	{
	reading = new_record();
	reading$query_bytes = length;
	take_query();
	}

function take_query()
	{
	stage = QUERY;
	++totals$queries;

	if ( pair_key in young
	    || ( |elder| > 0 && pair_key in elder )
	    || |twins| + |early| > 0 )
		take_known_query();
	else if ( |young| >= room )
		wait();
	else
		young[pair_key] = reading;
	}

# The reply to a zone transfer goes on in further messages.
function expect_more()
	{
	if ( ! flow?$pano_transfers )
		flow$pano_transfers = set();

	add flow$pano_transfers[head$id];
	}

function take_answer(info: Info)
	{
	++totals$answered;
	lately$listed += pair_key;
	complete(info);
	due = T;
	}

function was_answered(answered: Answered): bool
	{
	for ( _, key in answered$listed )
		add answered$known[key];

	answered$listed = vector();
	return pair_key in answered$known;
	}

function release(reply: Info)
	{
	++totals$orphans;
	publish(reply);
	}

# Until the next second, in case the query comes after its reply.
function hold(reply: Info)
	{
	if ( pair_key in early )
		release(early[pair_key]);

	reply$outcome = "orphan";
	early[pair_key] = reply;
	complete(reply);
	}

function take_stray_reply(reply: Info)
	{
	if ( flow?$pano_transfers && head$id in flow$pano_transfers )
		{
		++totals$continued;
		stage = PASSED;
		}
	else if ( was_answered(lately) || was_answered(earlier) )
		{
		++totals$duplicates;
		stage = PASSED;
		}
	else if ( was_reported(reply) )
		{
		++totals$late;
		found$outcome = "late";
		complete(found);
		due = T;
		}
	else
		hold(reply);
	}

function take_other_reply(reply: Info)
	{
	if ( awaited(reply) )
		{
		stop_waiting(pair_key, found);
		take_answer(found);

		if ( found?$qtype && ( found$qtype == AXFR || found$qtype == IXFR ) )
			expect_more();
		}
	else
		take_stray_reply(reply);
	}

function take_reply(query: string, qtype: count, qclass: count)
	{
	++totals$responses;

	# The usual case, without the searches that the others take.
	local asked = young[pair_key];

	if ( asked?$query
	    && asked$query == query
	    && asked$qtype == qtype
	    && seen_at - asked$ts <= query_timeout )
		{
		delete young[pair_key];
		take_answer(asked);

		if ( qtype == AXFR || qtype == IXFR )
			expect_more();

		return;
		}

	local reply = new_record();
	add_question(reply, query, qtype, qclass);
	take_other_reply(reply);
	}

function take_nameless_reply()
	{
	++totals$responses;
	take_other_reply(new_record());
	}

function release_early(before: time)
	{
	local strays: table[count] of Info;

	for ( key, reply in early )
		if ( reply$ts <= before )
			strays[key] = reply;

	for ( key, stray in strays )
		{
		delete early[key];
		release(stray);
		}
	}

event second_passed()
	{
	release_early(network_time() - 1sec);

	if ( network_time() - lately$since > query_timeout
	    || |lately$listed| + |lately$known| > max_pending )
		{
		earlier = lately;
		lately = Answered($since=network_time());
		}
	}

event zeek_done()
	{
	release_early(network_time());
	}
