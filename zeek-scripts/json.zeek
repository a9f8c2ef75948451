##! A record as the line that it is in its log.

@load base/misc/version
@load ./main

module PANO;

export {
	## Writes a record as its log does.
	global json_line: function(info: Info): string;

	## Cuts the columns of :zeek:see:`PANO::omit` out of lines.
	global without_omitted: function(ndjson: string): string;
}

# Inside a string, JSON escapes quotes: what is matched is a column of the record.
global omitted: pattern;

# Matches columns of these names, and the comma before, in JSON as to_json() writes it.
function column_pattern(names: set[string]): pattern
	{
	local choices: string_vec;

	for ( name in names )
		choices += name;

	local text = "\\\"([^\"\\\\]|\\\\.)*\\\"";
	local list = fmt("\\[(%s|[^\"\\]])*\\]", text);
	return string_to_pattern(fmt(",\\\"(%s)\\\":(%s|%s|[^,}\"\\[]+)",
	    join_string_vec(choices, "|"), text, list), F);
	}

function without_omitted(ndjson: string): string
	{
	return gsub(ndjson, omitted, "");
	}

event zeek_init() &priority=1
	{
	if ( |omit| > 0 )
		omitted = column_pattern(omit);
	}

@if ( Version::number >= 70100 )
function nested_json(info: Info): string
	{
	return to_json(info, T, /^_/, T);
	}
@else
# Zeek 7.0 writes intervals in words: "251.0 usecs".
const in_words = /,\"(rtt|rtt_last)\":\"[^\"]*\"|,\"TTLs\":\[[^\]]*\]/;

function in_numbers(info: Info): string
	{
	local text = info?$rtt ? fmt(",\"rtt\":%.17g", info$rtt) : "";

	if ( info?$rtt_last )
		text += fmt(",\"rtt_last\":%.17g", info$rtt_last);

	if ( ! info?$TTLs )
		return text;

	local ttls: string_vec;

	for ( _, ttl in info$TTLs )
		ttls += fmt("%.17g", ttl);

	return text + fmt(",\"TTLs\":[%s]", join_string_vec(ttls, ","));
	}

function nested_json(info: Info): string
	{
	local line = gsub(to_json(info, T), in_words, "");
	return line[0 : |line| - 1] + in_numbers(info) + "}";
	}
@endif

# Logs flatten the connection's id; to_json() nests it.
function json_line(info: Info): string
	{
	local id = info$id;
	local nested = nested_json(info);
	return fmt("{\"ts\":%.6f,\"uid\":\"%s\",\"id.orig_h\":\"%s\",\"id.orig_p\":%d,\"id.resp_h\":\"%s\",\"id.resp_p\":%d,%s",
	    info$ts, info$uid, id$orig_h, id$orig_p, id$resp_h, id$resp_p,
	    nested[strstr(nested, "},\"proto\":\"") + 1 :]);
	}
