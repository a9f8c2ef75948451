##! Replies without a waiting query: further messages of a zone transfer, copies, duplicates,
##! late ones, those that were captured before their query, and those whose query was never seen.

@load ./copies
@load ./main
@load ./message
@load ./pending
@load ./record

module PANO;

export {
	## Replies without a query that may be held at one time, for up to two seconds, in case
	## their query was captured after them. When there are more, the oldest leave as orphans.
	##
	## Example: ``redef PANO::max_early = 1000;``
	option max_early = 10000;
}

redef record connection += {
	## The keys of zone transfers on it: one reply of theirs is many messages.
	pano_transfers: set[count] &optional;
};

# Replies held until the next second, keyed like queries, and those held since the last one.
global early: table[count] of Info;
global early_longer: table[count] of Info;

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

# Reported timeouts by client, server and id, because Zeek may have forgotten the connection.
global reported: table[conn_id, count] of Info;
global reported_earlier: table[conn_id, count] of Info;
global reported_since = network_time();

const IXFR = 251;
const AXFR = 252;

function forget_older_answers()
	{
	earlier = lately;
	lately = Answered($since=network_time());
	}

function was_answered(answered: Answered): bool
	{
	for ( _, key in answered$listed )
		add answered$known[key];

	answered$listed = vector();
	return pair_key in answered$known;
	}

function forget_older_reports()
	{
	reported_earlier = reported;
	reported = table();
	reported_since = network_time();
	}

function remember_reported(query: Info)
	{
	if ( |reported| >= max_pending / 2 )
		forget_older_reports();

	reported[query$id, query$trans_id] = query;
	}

# Finds, and forgets, the reported query that a reply comes late for.
function was_reported(reply: Info): bool
	{
	local query: Info;

	if ( [reply$id, reply$trans_id] in reported )
		query = reported[reply$id, reply$trans_id];
	else if ( [reply$id, reply$trans_id] in reported_earlier )
		query = reported_earlier[reply$id, reply$trans_id];
	else
		return F;

	if ( ! same_question(reply, query)
	    || seen_at - query$ts > query_timeout + late_window )
		return F;

	delete reported[reply$id, reply$trans_id];
	delete reported_earlier[reply$id, reply$trans_id];
	# The query's record is out; somebody may have kept it.
	found = copy(query);
	return T;
	}

function release(replies: table[count] of Info)
	{
	for ( _, reply in replies )
		{
		++totals$orphans;
		publish(reply);
		}

	clear_table(replies);
	}

# Those that were held for a second are orphans.
function release_older()
	{
	release(early_longer);
	early_longer = early;
	early = table();
	}

# Holds the reply in hand, in case its query comes after it.
function hold(reply: Info)
	{
	if ( |early| >= max_early / 2 )
		{
		totals$evicted_replies += |early_longer|;
		release_older();
		}

	# Two with one key: the first is an orphan.
	if ( pair_key in early )
		{
		++totals$orphans;
		publish(early[pair_key]);
		}

	reply$outcome = "orphan";
	early[pair_key] = reply;
	complete(reply);
	keep_packet(reply);
	}

# The reply that came before the query in hand, if one did.
function came_early(query: Info): bool
	{
	if ( pair_key in early && same_question(query, early[pair_key]) )
		{
		found = early[pair_key];
		delete early[pair_key];
		}
	else if ( pair_key in early_longer
	    && same_question(query, early_longer[pair_key]) )
		{
		found = early_longer[pair_key];
		delete early_longer[pair_key];
		}
	else
		return F;

	return T;
	}

# Whether the packet in hand is a copy of a reply that is held.
function is_copy_of_early(): bool
	{
	return pair_key in early && is_copy(early[pair_key], early[pair_key]$ts);
	}

# The reply to a zone transfer goes on in further messages.
function expect_more()
	{
	if ( ! flow?$pano_transfers )
		flow$pano_transfers = set();

	add flow$pano_transfers[pair_key];
	}

# Takes in a reply for which no query waits.
function take_stray_reply(reply: Info)
	{
	if ( flow?$pano_transfers && pair_key in flow$pano_transfers )
		{
		++totals$continued;
		stage = PASSED;
		}
	else if ( is_copy_of_answered() || is_copy_of_early() )
		{
		--totals$responses;
		pass_copy();
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

		if ( found?$packet )
			keep_answered(found);

		due = T;
		}
	else
		hold(reply);
	}

event second_passed()
	{
	release_older();

	if ( network_time() - lately$since > query_timeout )
		forget_older_answers();

	if ( network_time() - reported_since > late_window )
		forget_older_reports();
	}

event zeek_done()
	{
	release(early_longer);
	release(early);
	}
