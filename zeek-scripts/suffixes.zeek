##! The public suffix list (https://publicsuffix.org/list/): how much of a name is not its owner's.

module PANO;

# Rules such as ``co.uk``; what all names below are suffixes of, ``ck`` of ``*.ck``; what is none all the same.
global public_suffixes: set[string];
global public_below: set[string];
global public_exceptions: set[string];

# The ends of rules, where looking goes on.
global public_ends: set[string];

# Takes a line of the list. Rules that are not ASCII are left out, as in ``--anonymize``.
function add_public_suffix(line: string)
	{
	local rule = to_lower(split_string1(line, /[ \t\r]/)[0]);

	if ( rule == "" || /^\/\// in rule || ! is_ascii(rule) )
		return;

	if ( rule[0] == "!" )
		{
		rule = rule[1:];
		add public_exceptions[rule];
		}
	else if ( /^\*\./ in rule )
		{
		rule = rule[2:];
		add public_below[rule];
		add public_ends[rule];
		}
	else
		add public_suffixes[rule];

	while ( "." in rule )
		{
		rule = split_string1(rule, /\./)[1];
		add public_ends[rule];
		}
	}

# How many labels of a name are its public suffix: all of them when it is one itself. An unknown
# suffix is one label.
function public_labels(labels: string_vec): count
	{
	local public = 1;
	local at = |labels| - 1;
	local suffix = labels[at];

	while ( suffix in public_ends && at > 0 )
		{
		local all_below = suffix in public_below;
		--at;
		suffix = labels[at] + "." + suffix;

		if ( suffix in public_exceptions )
			return |labels| - at - 1;

		if ( all_below || suffix in public_suffixes )
			public = |labels| - at;
		}

	return public;
	}
