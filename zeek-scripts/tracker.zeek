##! Pairs replies with queries: one table for all connections.

@load ./main
@load ./record
@load ./waiting

module PANO;

export {
	## Takes in a query that was read to its end.
	global take_query: function(query: Message);

	## Takes in a reply that was read to its end.
	global take_reply: function(c: connection, reply: Message);
}

redef record connection += {
	## The ids of zone transfers on it: one reply of theirs is many messages.
	pano_transfers: set[count] &optional;
};

# What came early, keyed like the queries: replies held until the next second for their query.
global early: table[count] of Message;

# Keys answered lately, in two generations: the older one is dropped whole.
global answered: set[count];
global answered_before: set[count];
global answered_since: time = network_time();

const AXFR = 252;
const IXFR = 251;

# A query whose key is not new, or not sure to be.
function take_known(query: Message)
	{
	if ( awaited(query) )
		{
		++totals$retransmits;
		++found$retransmits;
		found$repeated = query$ts;
		}
	else if ( query$key in early && same_question(query, early[query$key]) )
		{
		++totals$answered;
		add answered[query$key];
		log_pair(query, early[query$key], "answered");
		delete early[query$key];
		}
	else
		wait(query);
	}

function take_query(query: Message)
	{
	++totals$queries;

	if ( query$key in pending || |twins| + |early| > 0 )
		take_known(query);
	else
		wait(query);
	}

function release(reply: Message)
	{
	++totals$orphans;
	log_orphan(reply);
	}

function take_stray(c: connection, reply: Message)
	{
	if ( c?$pano_transfers && reply$head$id in c$pano_transfers )
		++totals$continued;
	else if ( reply$key in answered || reply$key in answered_before )
		++totals$duplicates;
	else if ( was_reported(reply) )
		{
		++totals$late;
		log_pair(found, reply, "late");
		}
	else
		{
		if ( reply$key in early )
			release(early[reply$key]);

		early[reply$key] = reply;
		}
	}

function answer(c: connection, query: Message, reply: Message)
	{
	++totals$answered;
	add answered[reply$key];

	if ( query?$qtype && ( query$qtype == AXFR || query$qtype == IXFR ) )
		{
		if ( ! c?$pano_transfers )
			c$pano_transfers = set();

		add c$pano_transfers[reply$head$id];
		}

	log_pair(query, reply, "answered");
	}

function take_reply(c: connection, reply: Message)
	{
	++totals$responses;
	local key = reply$key;

	# The usual case, without the searches that the others take.
	if ( key in pending && reply?$query )
		{
		local query = pending[key];

		if ( query?$query
		    && query$query == reply$query
		    && query$qtype == reply$qtype
		    && reply$ts - query$ts <= query_timeout )
			{
			delete pending[key];
			answer(c, query, reply);
			return;
			}
		}

	if ( awaited(reply) )
		{
		stop_waiting(found);
		answer(c, found, reply);
		}
	else
		take_stray(c, reply);
	}

function release_early(before: time)
	{
	local strays: vector of Message;

	for ( _, reply in early )
		if ( reply$ts <= before )
			strays += reply;

	for ( _, stray in strays )
		{
		delete early[stray$key];
		release(stray);
		}
	}

event second_passed()
	{
	release_early(network_time() - 1sec);

	if ( network_time() - answered_since > query_timeout
	    || |answered| > max_pending )
		{
		answered_before = answered;
		answered = set();
		answered_since = network_time();
		}
	}

event zeek_done()
	{
	release_early(network_time());
	}
