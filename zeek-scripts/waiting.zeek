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
	global found: Info;

	## Whether two records are about the same name and type.
	global same_question: function(a: Info, b: Info): bool;

	## Finds the waiting query with the key of the message in hand and this question. One
	## that has waited too long is reported instead.
	global awaited: function(m: Info): bool;

	## Lets the query in hand wait.
	global wait: function();

	## Forgets a waiting query, because its reply came.
	global stop_waiting: function(key: count, query: Info);

	## Finds, and forgets, the reported timeout with this 5-tuple, id and question.
	global was_reported: function(m: Info): bool;

	## How many queries wait.
	global waiting: function(): count;

	## Raised about every second.
	global second_passed: event();
}

# What a search finds when nobody waits: a record without a question.
global nobody: Info;

# By key: the queries of this second, nearly all of which are answered within it, and those
# that have waited longer. By question too where another question holds the key already.
global young: table[count] of Info &default=nobody;
global elder: table[count] of Info;
global twins: table[count, string, count] of Info;

# So many may be young; then they are taken for old.
global room = 0;
global young_since = network_time();

# The keys of the elder in the order in which they came, cut into slices, so that the
# oldest are at hand: a second long, or a part of what may wait at all.
type Slice: record {
	opened: time;
	closed: time;
	keys: vector of count;
};

global slices: table[count] of Slice;
global oldest = 0;
global newest = 0;

# By 5-tuple, because Zeek may have forgotten the connection.
global reported: table[addr, port, addr, port, count] of Info
    &create_expire=late_window;

function waiting(): count
	{
	return |young| + |elder| + |twins|;
	}

function same_question(a: Info, b: Info): bool
	{
	# A server that cannot read a question leaves it out.
	return ! a?$query
	    || ! b?$query
	    || ( a$query == b$query && a$qtype == b$qtype );
	}

function stop_waiting(key: count, query: Info)
	{
	if ( |twins| > 0 && query?$query && [key, query$query, query$qtype] in twins )
		delete twins[key, query$query, query$qtype];
	else if ( key in young )
		delete young[key];
	else
		delete elder[key];
	}

function report_timeout(key: count, query: Info)
	{
	stop_waiting(key, query);
	++totals$timeouts;
	query$outcome = "timeout";
	publish(query);

	if ( |reported| < max_pending )
		{
		local id = query$id;
		reported[id$orig_h, id$orig_p, id$resp_h, id$resp_p, query$trans_id] = query;
		}
	}

function find(m: Info): bool
	{
	if ( pair_key in young && same_question(m, young[pair_key]) )
		found = young[pair_key];
	else if ( pair_key in elder && same_question(m, elder[pair_key]) )
		found = elder[pair_key];
	else if ( m?$query && [pair_key, m$query, m$qtype] in twins )
		found = twins[pair_key, m$query, m$qtype];
	else
		return F;

	return T;
	}

function awaited(m: Info): bool
	{
	if ( ! find(m) )
		return F;

	if ( m$ts - found$ts <= query_timeout )
		return T;

	report_timeout(pair_key, found);
	return F;
	}

function was_reported(m: Info): bool
	{
	local id = m$id;

	if ( [id$orig_h, id$orig_p, id$resp_h, id$resp_p, m$trans_id] !in reported )
		return F;

	# The timeout's record is out; somebody may have kept it.
	found = copy(reported[id$orig_h, id$orig_p, id$resp_h, id$resp_p, m$trans_id]);

	if ( ! same_question(m, found)
	    || m$ts - found$ts > query_timeout + late_window )
		return F;

	delete reported[id$orig_h, id$orig_p, id$resp_h, id$resp_p, m$trans_id];
	return T;
	}

function report_oldest()
	{
	local slice = slices[oldest];
	delete slices[oldest];
	++oldest;

	for ( _, key in slice$keys )
		# The key may have been used again since.
		if ( key in elder && elder[key]$ts <= slice$closed )
			report_timeout(key, elder[key]);
	}

function report_twins(before: time)
	{
	local overdue: table[count, string, count] of Info;

	for ( [key, name, qtype], twin in twins )
		if ( twin$ts <= before )
			overdue[key, name, qtype] = twin;

	for ( [key, name, qtype], query in overdue )
		report_timeout(key, query);
	}

# The young are old now; room for as many new ones as a slice may hold.
function grow_old()
	{
	local now = network_time();
	local slice = Slice($opened=young_since, $closed=now, $keys=vector());

	for ( key, query in young )
		{
		elder[key] = query;
		slice$keys += key;
		}

	clear_table(young);
	young_since = now;
	slices[newest] = slice;
	++newest;
	room = max_pending / 16 + 1;
	}

function make_room()
	{
	grow_old();

	local before = waiting();

	while ( oldest < newest && waiting() + room > max_pending )
		report_oldest();

	if ( waiting() >= max_pending )
		report_twins(network_time());

	totals$evicted += before - waiting();
	}

function wait()
	{
	if ( |young| >= room )
		make_room();

	if ( reading?$query && ( pair_key in young || pair_key in elder ) )
		twins[pair_key, reading$query, reading$qtype] = reading;
	else
		young[pair_key] = reading;
	}

event second_passed()
	{
	if ( zeek_is_terminating() )
		return;

	make_room();

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
	grow_old();

	while ( oldest < newest )
		report_oldest();

	report_twins(network_time());
	}
