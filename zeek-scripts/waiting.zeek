##! The queries that wait for a reply, and how long.

@load ./main
@load ./record

module PANO;

export {
	## A query without a reply for so long is a timeout. Keep it below
	## :zeek:see:`dns_session_timeout`, when Zeek forgets a silent UDP connection.
	##
	## Example: ``redef PANO::query_timeout = 2sec;``
	option query_timeout = 5sec;

	## How long after a timeout was reported its reply still counts as late, not as orphan.
	##
	## Example: ``redef PANO::late_window = 1min;``
	option late_window = 30sec;

	## Queries that may wait at one time. When there are more, the oldest leave as timeouts.
	##
	## Example: ``redef PANO::max_pending = 200000;``
	option max_pending = 1000000;

	## The query that the last search found.
	global found: Message;

	## Whether two messages are about the same name and type.
	global same_question: function(a: Message, b: Message): bool;

	## Finds the waiting query with this message's key and question. One that has waited
	## too long is reported instead.
	global awaited: function(m: Message): bool;

	## Lets a query wait.
	global wait: function(query: Message);

	## Forgets a query, because its reply came.
	global stop_waiting: function(query: Message);

	## Finds, and forgets, the reported timeout with this message's 5-tuple, id and question.
	global was_reported: function(m: Message): bool;

	## How many queries wait.
	global waiting: function(): count;

	## Raised about every second.
	global second_passed: event();
}

# By key, and by question too where another question holds the key already.
global pending: table[count] of Message;
global twins: table[count, string, count] of Message;

# The keys of the waiting queries in the order in which they came, cut into slices, so that the
# oldest are at hand: a second long, or a part of what may wait at all.
type Slice: record {
	opened: time;
	keys: vector of count;
};

global slices: table[count] of Slice;
global oldest = 0;
global newest = 0;
global filling = Slice($opened=network_time(), $keys=vector());

# By 5-tuple, because Zeek may have forgotten the connection.
global reported: table[addr, port, addr, port, count] of Message
    &create_expire=late_window;

function waiting(): count
	{
	return |pending| + |twins|;
	}

function same_question(a: Message, b: Message): bool
	{
	# A server that cannot read a question leaves it out.
	return ! a?$query
	    || ! b?$query
	    || ( a$query == b$query && a$qtype == b$qtype );
	}

function stop_waiting(query: Message)
	{
	if ( |twins| > 0
	    && query?$query
	    && [query$key, query$query, query$qtype] in twins )
		delete twins[query$key, query$query, query$qtype];
	else
		delete pending[query$key];
	}

function report_timeout(query: Message)
	{
	stop_waiting(query);
	++totals$timeouts;
	log_timeout(query);

	if ( |reported| < max_pending )
		{
		local id = query$id;
		reported[id$orig_h, id$orig_p, id$resp_h, id$resp_p, query$head$id] = query;
		}
	}

function awaited(m: Message): bool
	{
	local waits = F;

	if ( m$key in pending && same_question(m, pending[m$key]) )
		{
		found = pending[m$key];
		waits = T;
		}
	else if ( |twins| > 0 && m?$query && [m$key, m$query, m$qtype] in twins )
		{
		found = twins[m$key, m$query, m$qtype];
		waits = T;
		}

	if ( waits && m$ts - found$ts > query_timeout )
		{
		report_timeout(found);
		waits = F;
		}

	return waits;
	}

function was_reported(m: Message): bool
	{
	local id = m$id;

	if ( [id$orig_h, id$orig_p, id$resp_h, id$resp_p, m$head$id] !in reported )
		return F;

	found = reported[id$orig_h, id$orig_p, id$resp_h, id$resp_p, m$head$id];

	if ( ! same_question(m, found)
	    || m$ts - found$ts > query_timeout + late_window )
		return F;

	delete reported[id$orig_h, id$orig_p, id$resp_h, id$resp_p, m$head$id];
	return T;
	}

function close_slice()
	{
	slices[newest] = filling;
	++newest;
	filling = Slice($opened=network_time(), $keys=vector());
	}

function report_oldest()
	{
	local slice = slices[oldest];
	delete slices[oldest];
	++oldest;

	for ( _, key in slice$keys )
		# The key may have been used again since.
		if ( key in pending && pending[key]$ts <= slice$opened + 1sec )
			report_timeout(pending[key]);
	}

function report_twins(before: time)
	{
	local overdue: vector of Message;

	for ( _, twin in twins )
		if ( twin$ts <= before )
			overdue += twin;

	for ( _, query in overdue )
		report_timeout(query);
	}

function make_room()
	{
	if ( oldest == newest )
		close_slice();

	local before = waiting();

	while ( oldest < newest && waiting() >= max_pending )
		report_oldest();

	if ( waiting() >= max_pending )
		report_twins(network_time());

	totals$evicted += before - waiting();
	}

function wait(query: Message)
	{
	if ( |pending| + |twins| >= max_pending )
		make_room();

	if ( query$key in pending && query?$query )
		{
		twins[query$key, query$query, query$qtype] = query;
		return;
		}

	pending[query$key] = query;
	filling$keys += query$key;

	if ( |filling$keys| > max_pending / 16 )
		close_slice();
	}

event second_passed()
	{
	if ( zeek_is_terminating() )
		return;

	close_slice();

	while ( oldest < newest
	    && network_time() - slices[oldest]$opened > query_timeout + 1sec )
		report_oldest();

	report_twins(network_time() - query_timeout);

	schedule 1sec { second_passed() };
	}

event zeek_init()
	{
	schedule 1sec { second_passed() };
	}

event zeek_done()
	{
	close_slice();

	while ( oldest < newest )
		report_oldest();

	report_twins(network_time());
	}
