##! Nothing that was written is overwritten, and the disk does not fill up: our own logs are
##! rotated by time, those of an earlier run are put aside, and the oldest rotated ones removed.
##!
##! Beside Zeek's own DNS scripts all that is left to the site, as it is for every other log.

@load base/frameworks/logging
@load ./main

module PANO;

export {
	## How often dns.log and pano_stats.log are rotated while packets are captured, unless
	## :zeek:see:`Log::default_rotation_interval` is set. A capture from a file is one log.
	##
	## Example: ``redef PANO::rotate_every = 10min;``
	const rotate_every = 1hr &redef;

	## Rotated logs that are older than this are removed; 0 to keep them.
	##
	## Example: ``redef PANO::keep_logs_for = 1day;``
	const keep_logs_for = 7day &redef;

	## When rotated logs together take more bytes than this the oldest are removed; 0 to keep
	## them.
	##
	## Example: ``redef PANO::keep_logs_bytes = 100000000000;``
	const keep_logs_bytes = 20000000000 &redef;
}

function log_file(path: string): string
	{
	local folder = Log::default_logdir == "" ? "" : Log::default_logdir + "/";
	return fmt("%s%s.log", folder, path);
	}

# A name as Zeek gives to rotated logs, which nobody has yet and nobody will have: Zeek names
# them by when they were opened, and what is opened from now on must not replace this one.
function aside(current: string): string
	{
	local base = sub(current, /\.log$/, "");
	local at = current_time();
	local name = current;

	while ( file_size(name) >= 0 )
		{
		at = at - 1sec;
		name = fmt("%s-%s.log", base, strftime("%y-%m-%d_%H.%M.%S", at));
		}

	return name;
	}

# What a Zeek that was killed has left: Zeek itself would begin the file anew.
function put_aside(path: string)
	{
	local current = log_file(path);

	if ( file_size(current) > 0 )
		rename(current, aside(current));
	}

# Removes the oldest rotated logs. Their names come from Zeek and our own options only.
function remove_oldest(path: string)
	{
	local mine = path + "-[0-9]*.log";
	local folder = Log::default_logdir == "" ? "." : Log::default_logdir;
	local todo = fmt("cd %s", safe_shell_quote(folder));

	if ( keep_logs_for > 0sec )
		todo += fmt(" && find . -maxdepth 1 -name %s -mmin +%d -exec rm -f {} +",
		    safe_shell_quote(mine), double_to_count(interval_to_double(
		    keep_logs_for) / 60));

	if ( keep_logs_bytes > 0 )
		todo += fmt(" && ls -lt | grep -e %s | awk -v most=%d '{ sum += $5 } sum > most { print $NF }' | xargs -r rm -f",
		    safe_shell_quote(" " + path + "-[0-9].*[.]log$"),
		    keep_logs_bytes);

	system(fmt("(%s) 2>/dev/null", todo));
	}

# At its end Zeek rotates too, and what is logged after that begins a new file of the log's name:
# so nothing here may take that name.
function rotated(info: Log::RotationInfo): bool
	{
	remove_oldest(info$path);
	return T;
	}

function keep_records(filter: Log::Filter)
	{
	if ( reading_traces() )
		return;

	put_aside(filter$path);
	filter$postprocessor = rotated;

	if ( filter$interv == 0sec )
		filter$interv = rotate_every;
	}
