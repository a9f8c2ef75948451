##! Example: a notice when names look like somebody's data. Three rules, each with an option of
##! its own; the notice names the rule that fired.
##!
##!     zeek -b ./zeek-scripts ./zeek-scripts/examples/tunnels.zeek -i pano0

@load base/frameworks/notice
@load base/utils/strings
@load ../main

module Tunnels;

export {
	redef enum Notice::Type += {
		## Names below one domain look like a tunnel.
		Suspected
	};

	## Rule ``length``: a name longer than this.
	##
	## Example: ``redef Tunnels::max_length = 150;``
	option max_length = 100;

	## Rule ``entropy``: more bits than this in each character of the part before the domain...
	##
	## Example: ``redef Tunnels::max_entropy = 4.2;``
	option max_entropy = 4.0;

	## ...when that part is at least this long; short names are random by nature.
	##
	## Example: ``redef Tunnels::entropy_length = 60;``
	option entropy_length = 40;

	## Rule ``names``: more different names than this from one client below one domain
	## within five minutes.
	##
	## Example: ``redef Tunnels::max_names = 1000.0;``
	option max_names = 100.0;

	## Pairs of client and domain that are watched at one time. When there are more, those
	## that were not asked about for longest are forgotten.
	##
	## Example: ``redef Tunnels::max_watched = 100000;``
	option max_watched = 10000;
}

# Sketches instead of sets: their size does not depend on what a client asks. Each takes some 3 KB.
type Sketches: table[addr, string] of opaque of cardinality;

# Those that were asked about lately, and those that were before.
global names: Sketches;
global names_before: Sketches;
global names_since = network_time();

function suspect(info: PANO::Info, rule: string, domain: string, why: string)
	{
	NOTICE([$note=Suspected, $src=info$id$orig_h, $dst=info$id$resp_h,
	    $uid=info$uid, $msg=fmt("%s, below %s: %s", rule, domain, why),
	    $sub=info$query, $identifier=cat(rule, info$id$orig_h, domain)]);
	}

function forget_names()
	{
	names_before = names;
	names = table();
	names_since = network_time();
	}

function count_name(client: addr, domain: string, name: string): double
	{
	if ( |names| >= max_watched / 2 || network_time() - names_since > 5min )
		forget_names();

	if ( [client, domain] !in names )
		{
		names[client, domain] = [client, domain] in names_before ?
		    names_before[client, domain] : hll_cardinality_init(0.1,
		    0.95);
		delete names_before[client, domain];
		}

	hll_cardinality_add(names[client, domain], name);
	return hll_cardinality_estimate(names[client, domain]);
	}

hook PANO::transaction(info: PANO::Info)
	{
	# The last two labels stand for the domain; a real deployment has a list of suffixes.
	local parts = info?$query ? find_all_ordered(info$query, /[^.]+/) : vector();

	if ( |parts| < 3 )
		return;

	local domain = parts[|parts| - 2] + "." + parts[|parts| - 1];
	local below = info$query[0 : |info$query| - |domain| - 1];

	if ( |info$query| > max_length )
		suspect(info, "length", domain, fmt("%d characters", |info$query|));

	if ( |below| >= entropy_length )
		{
		local bits = find_entropy(below)$entropy;

		if ( bits > max_entropy )
			suspect(info, "entropy", domain, fmt("%.1f bits in each character", bits));
		}

	local different = count_name(info$id$orig_h, domain, info$query);

	if ( different > max_names )
		suspect(info, "names", domain, fmt("%d different names", double_to_count(
		    different)));
	}
