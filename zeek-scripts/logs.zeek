##! The log streams: where they are written, and in which format.
##!
##! Where nobody else writes a dns.log it is ours, in a format that no setting of the site
##! changes. Beside Zeek's own DNS scripts ours has a name of its own, in the site's format.

@load base/frameworks/logging
@load ./main
@load ./rotation

module PANO;

export {
	## The log's name where Zeek's own DNS scripts write no dns.log.
	##
	## Example: ``redef PANO::log_path = "dns_transactions";``
	const log_path = "dns" &redef;

	## The log's name beside Zeek's own.
	##
	## Example: ``redef PANO::log_path_beside = "dns_transactions";``
	const log_path_beside = "pano_dns" &redef;

	## Write our dns.log in place of Zeek's own, whose default filter is removed: what only
	## that one has, such as multicast DNS, is not logged then.
	##
	## Example: ``redef PANO::replace_stock_log = T;``
	const replace_stock_log = F &redef;

	## Where dns.log is ours: write JSON lines, whatever :zeek:see:`LogAscii::use_json` says; F
	## for Zeek's own TSV.
	##
	## Example: ``redef PANO::json = F;``
	const json = T &redef;

	## Columns to leave out of the records, wherever they go. ``id`` is all of the connection's
	## addresses and ports.
	##
	## Example, for privacy: ``redef PANO::omit += { "query", "answers" };``
	const omit: set[string] = set() &redef;
}

# The columns to leave out, as logs name them.
global omitted: set[string];

# Whether Zeek's own DNS scripts write a log beside ours.
global beside_stock = F;

# The stream of Zeek's own DNS scripts, looked up by name: they may not be loaded at all, or
# be loaded after ours.
function stock_stream(): vector of Log::ID
	{
	local found: vector of Log::ID;

	for ( id in Log::active_streams )
		if ( cat(id) == "DNS::LOG" )
			found += id;

	return found;
	}

function no_extension(path: string)
	{ }

# What LogAscii and the logging framework let a site change, as Zeek has it by default.
function fix_format(filter: Log::Filter)
	{
	filter$writer = Log::WRITER_ASCII;
	filter$scope_sep = ".";
	filter$field_name_map = table();
	filter$ext_func = no_extension;
	filter$config = table(["use_json"] = json ? "T" : "F", ["tsv"] = "F", [
	    "json_timestamps"] = "JSON::TS_EPOCH", ["json_include_unset_fields"] =
	    "F", ["enable_utf_8"] = "T", ["gzip_level"] = "0", [
	    "output_to_stdout"] = "F", ["separator"] = "\t", ["set_separator"] =
	    ",", ["empty_field"] = "(empty)", ["unset_field"] = "-", [
	    "meta_prefix"] = "#");
	}

# Creates a stream whose default filter is as the options above say.
function create_log(id: Log::ID, log: Log::Stream)
	{
	Log::create_stream(id, log);
	local filter = Log::get_filter(id, "default");
	filter$path = log$path;

	if ( ! beside_stock )
		{
		fix_format(filter);
		keep_records(filter);
		}

	if ( id == LOG )
		filter$exclude = omitted;

	Log::add_filter(id, filter);
	}

# The columns that are logged of a record type, as record_fields() describes it.
function logged_columns(fields: record_field_table, prefix: string): set[string]
	{
	local columns: set[string];

	for ( name, field in fields )
		if ( field$log )
			add columns[prefix + name];

	return columns;
	}

function nearest(name: string, names: set[string]): string
	{
	local best = "";

	for ( each in names )
		if ( best == ""
		    || levenshtein_distance(to_lower(name), each) < levenshtein_distance(to_lower(name), best) )
			best = each;

	return best;
	}

# A misspelt column would be logged by those who believe that it is not.
function read_omit()
	{
	local ids = logged_columns(record_fields(conn_id), "id.");
	delete ids["id.ctx"];
	ids = ids | logged_columns(record_fields(conn_id_ctx), "id.ctx.");
	local columns = logged_columns(record_fields(Info), "");
	delete columns["id"];
	columns = columns | ids;

	for ( name in omit )
		{
		if ( name == "id" )
			omitted = omitted | ids;
		else if ( name in columns )
			add omitted[name];
		else
			Reporter::fatal(fmt("PANO::omit: the record has no column '%s': '%s' is the nearest name, docs/zeek.md lists them",
			    name, nearest(name, columns)));
		}
	}

# Streams of base scripts are created with priority 5, whoever is loaded first.
event zeek_init() &priority=4
	{
	read_omit();
	local stock = stock_stream();

	if ( |stock| > 0 && replace_stock_log )
		Log::remove_filter(stock[0], "default");
	else
		beside_stock = |stock| > 0;

	create_log(LOG, [$columns=Info, $ev=log_dns,
	    $path=beside_stock ? log_path_beside : log_path, $policy=log_policy]);
	}
