##! A record as the line that it is in the log of a dedicated sensor.

@load ./logs
@load ./main

module PANO;

# Matches the columns to leave out. Inside a string, JSON escapes quotes: what is matched is a
# column of the record.
global omitted_text: pattern;

# Matches columns of these names, and the comma before, in JSON as to_json() writes it.
function column_pattern(names: set[string]): pattern
	{
	local choices: string_vec;

	for ( name in names )
		choices += gsub(name, /\./, "\\.");

	local text = "\\\"([^\"\\\\]|\\\\.)*\\\"";
	local list = fmt("\\[(%s|[^\"\\]])*\\]", text);
	return string_to_pattern(fmt(",\\\"(%s)\\\":(%s|%s|[^,}\"\\[]+)",
	    join_string_vec(choices, "|"), text, list), F);
	}

# The columns that a connection's context has.
global context_names: set[string];

event zeek_init() &priority=1
	{
	if ( |omitted| > 0 )
		omitted_text = column_pattern(omitted);

	context_names = logged_columns(record_fields(conn_id_ctx), "");
	}

# The context of a connection, as the key that knows VLANs has it: a number or two.
function context_columns(id: string): string
	{
	local at = strstr(id, "\"ctx\":{");

	if ( at == 0 )
		return "";

	local columns = "";

	for ( _, column in split_string(id[at + 6 : |id| - 2], /,/) )
		if ( |column| > 0 )
			columns += ",\"id.ctx." + column[1:];

	return columns;
	}

# Logs flatten the connection's id; to_json() nests it.
function json_line(info: Info): string
	{
	local id = info$id;
	local nested = to_json(info, T, /^_/, T);
	local begin = strstr(nested, ",\"id\":{");
	local end = strstr(nested, "},\"proto\":\"");
	local context = |context_names| == 0 ? "" : context_columns(nested[0:end]);
	local line = fmt(",%s,\"id.orig_h\":\"%s\",\"id.orig_p\":%d,\"id.resp_h\":\"%s\",\"id.resp_p\":%d%s%s",
	    nested[1 : begin - 1], id$orig_h, id$orig_p, id$resp_h, id$resp_p,
	    context, nested[end:]);

	if ( |omitted| > 0 )
		line = gsub(line, omitted_text, "");

	return "{" + line[1:];
	}
