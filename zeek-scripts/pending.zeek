##! The queries that wait for a reply, and how long.

@load ./main
@load ./message
@load ./record

module PANO;

export {
	## A query without a reply for so long is a timeout. It has to be shorter by more than a
	## second than :zeek:see:`dns_session_timeout`, when Zeek forgets a silent connection.
	##
	## Example: ``redef PANO::query_timeout = 2sec;``
	option query_timeout = 5sec;

	## How long after a timeout was reported its reply still counts as late, not as orphan.
	##
	## Example: ``redef PANO::late_window = 1min;``
	option late_window = 30sec;

	## Queries that may wait at one time. When there are more, the oldest leave as timeouts.
	## No more reported timeouts than that are kept for late replies either, nor answered
	## queries to tell duplicate replies by.
	##
	## Example: ``redef PANO::max_pending = 200000;``
	option max_pending = 1000000;

	## Raised about every second.
	global second_passed: event();
}

# Keeps a reported query for a late reply.
global remember_reported: function(query: Info);

# What a search finds when no query waits: a record without a question.
global no_query: Info;

# The query that the last search found, and its key.
global found: Info;
global found_key = 0;

# By key: the queries of this second, nearly all of which are answered within it, and those
# that have waited longer.
global pending: table[count] of Info &default=no_query;
global pending_longer: table[count] of Info;

# When another question holds the key already, a query waits under a key of its own.
global sharing: table[count, string, count] of count;
global own_keys = 1 << 60;

# So many may be in `pending`; then they are taken for older than a second.
global room = 0;
global pending_since = network_time();

# The keys of `pending_longer` in the order in which they came, cut into slices, so that the
# oldest are at hand: a second long, or a part of what may wait at all.
type Slice: record {
	opened: time;
	closed: time;
	keys: vector of count;
};

global slices: table[count] of Slice;
global oldest = 0;
global newest = 0;

# How many queries wait.
function waiting(): count
	{
	return |pending| + |pending_longer|;
	}

# Whether two records are about the same name and type. A server that cannot read a
# question leaves it out.
function same_question(a: Info, b: Info): bool
	{
	return ! a?$query
	    || ! b?$query
	    || ( a$query == b$query && a$qtype == b$qtype );
	}

# Forgets a waiting query.
function stop_waiting(key: count, query: Info)
	{
	if ( query?$shared_key )
		delete sharing[query$shared_key, query$query, query$qtype];

	if ( key in pending )
		delete pending[key];
	else
		delete pending_longer[key];
	}

# A query that no reply has ended: it is reported, and remembered in case one still comes.
function report(key: count, query: Info, outcome: string)
	{
	stop_waiting(key, query);
	query$outcome = outcome;

	if ( outcome == "timeout" )
		++totals$timeouts;
	else
		++totals$unreachable;

	publish(query);
	remember_reported(query);
	}

# Finds the waiting query that has the key of the message in hand and this question.
function find(m: Info): bool
	{
	found_key = pair_key;

	if ( pair_key in pending && same_question(m, pending[pair_key]) )
		found = pending[pair_key];
	else if ( pair_key in pending_longer
	    && same_question(m, pending_longer[pair_key]) )
		found = pending_longer[pair_key];
	else if ( |sharing| > 0
	    && m?$query
	    && [pair_key, m$query, m$qtype] in sharing )
		{
		found_key = sharing[pair_key, m$query, m$qtype];
		found = found_key in pending ? pending[found_key] : pending_longer[found_key];
		}
	else
		return F;

	return T;
	}

# Finds the query that the message in hand repeats or answers. One that has waited too long
# is reported instead.
function awaited(m: Info): bool
	{
	if ( ! find(m) )
		return F;

	if ( m$ts - found$ts <= query_timeout )
		return T;

	report(found_key, found, "timeout");
	return F;
	}

# Whether a query with this key, name and type waits.
function waits(key: count, query: string, qtype: count): bool
	{
	if ( [key, query, qtype] in sharing )
		return T;

	local asked = key in pending_longer ? pending_longer[key] : pending[key];
	return asked?$query && asked$query == query && asked$qtype == qtype;
	}

function report_oldest()
	{
	local slice = slices[oldest];
	delete slices[oldest];
	++oldest;

	for ( _, key in slice$keys )
		# The key may have been used again since.
		if ( key in pending_longer && pending_longer[key]$ts <= slice$closed )
			report(key, pending_longer[key], "timeout");
	}

# Those of this second have waited longer now; room for as many new ones as a slice may hold.
function close_slice()
	{
	local now = network_time();
	local slice = Slice($opened=pending_since, $closed=now, $keys=vector());

	for ( key, query in pending )
		{
		pending_longer[key] = query;
		slice$keys += key;
		}

	clear_table(pending);
	pending_since = now;
	slices[newest] = slice;
	++newest;
	room = max_pending / 16 + 1;
	}

function make_room()
	{
	close_slice();

	local before = waiting();

	while ( oldest < newest && waiting() + room > max_pending )
		report_oldest();

	totals$evicted += before - waiting();
	}

# Lets the query in hand wait.
function wait()
	{
	if ( |pending| >= room )
		make_room();

	local key = pair_key;

	if ( reading?$query && ( key in pending || key in pending_longer ) )
		{
		key = ++own_keys;
		reading$shared_key = pair_key;
		sharing[pair_key, reading$query, reading$qtype] = key;
		}

	pending[key] = reading;
	}

# Its connection has to outlive a query.
function too_long(wanted: interval): string
	{
	if ( wanted + 1sec < dns_session_timeout )
		return "";

	return fmt("PANO::query_timeout=%s: Zeek forgets a silent connection after dns_session_timeout=%s, less a second: set that to more than %s too",
	    wanted, dns_session_timeout, wanted + 1sec);
	}

function timeout_changed(id: string, value: interval): interval
	{
	if ( too_long(value) == "" )
		return value;

	Reporter::error(too_long(value));
	return query_timeout;
	}

event second_passed()
	{
	if ( zeek_is_terminating() )
		return;

	make_room();

	while ( oldest < newest
	    && network_time() - slices[oldest]$opened > query_timeout + 1sec )
		report_oldest();

	schedule 1sec { second_passed() };
	}

event zeek_init()
	{
	if ( too_long(query_timeout) != "" )
		Reporter::fatal(too_long(query_timeout));

	Option::set_change_handler("PANO::query_timeout", timeout_changed, 10);
	schedule 1sec { second_passed() };
	}

event zeek_done()
	{
	close_slice();

	while ( oldest < newest )
		report_oldest();
	}
