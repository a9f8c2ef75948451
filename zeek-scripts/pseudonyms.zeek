##! Pseudonyms in place of addresses and names, before a record leaves for log, Broker or Kafka. The
##! same key gives the same pseudonyms as ``pano-bridge forensics --anonymize``; docs/forensics.md has
##! the mapping step by step: change neither alone.

@load base/frameworks/input
@load ./main
@load ./names
@load ./prefixes
@load ./process

module PANO;

export {
	## The file of the key, one line of 64 hexadecimal digits; empty for no pseudonyms. Scripts
	## at :zeek:see:`PANO::transaction` still see what was on the wire;
	## :zeek:see:`PANO::log_policy` and :zeek:see:`PANO::log_dns` do not.
	##
	## Example: ``redef PANO::pseudonyms = "/etc/pano/pseudonyms.key";``
	const pseudonyms = "" &redef;

	## The public suffix list, whose suffixes stay in names: Debian's package ``publicsuffix``.
	##
	## Example: ``redef PANO::public_suffix_list = "/etc/pano/public_suffix_list.dat";``
	const public_suffix_list = "/usr/share/publicsuffix/public_suffix_list.dat"
	    &redef;

	## Called for each record under pseudonyms, for columns that a site has added: what they
	## tell of addresses and names is still that of the wire.
	##
	## Example::
	##
	##     hook PANO::pseudonymised(info: PANO::Info)
	##         { delete info$site; }
	global pseudonymised: hook(info: Info);
}

# Whether records go under pseudonyms.
global disguises = F;

type Line: record {
	text: string;
};

# The lines of the key file.
global key_lines: string_vec;

function refuse(setting: string, path: string, why: string, cure: string)
	{
	Reporter::fatal(fmt("PANO::%s: %s: %s: %s", setting, path, why, cure));
	}

const key_cure = "make one with (umask 077; openssl rand -hex 32 > FILE), readable for Zeek alone";

# Derives a key for addresses and one for names.
function read_key(secret: string)
	{
	local bytes = hexstr_to_bytestring(secret);
	local key = hexstr_to_bytestring(sha256_hash("pano addresses" + bytes));
	local words: vector of count;

	while ( |words| < 8 )
		words += bytestring_to_count(key[4 * |words| : 4 * |words| + 4]);

	cryptopan_key(words);
	names_key(sha256_hash("pano names" + bytes));
	}

function disguised_addresses(plain: vector of addr): vector of addr
	{
	local mapped: vector of addr;

	for ( _, a in plain )
		mapped += map_address(a);

	return mapped;
	}

# The record to send out; the one at hand is still looked up by what is on the wire.
function disguised(plain: Info): Info
	{
	local info = copy(plain);
	info$id$orig_h = map_address(info$id$orig_h);
	info$id$resp_h = map_address(info$id$resp_h);

	if ( info?$query )
		info$query = map_name(info$query);

	if ( info?$answers )
		for ( i in info$answers )
			info$answers[i] = map_answer(info$answers[i]);

	if ( info?$ecs )
		info$ecs = map_network(info$ecs);

	hook pseudonymised(info);
	return info;
	}

event key_line(description: Input::EventDescription, kind: Input::Event,
    text: string)
	{
	key_lines += text;
	}

event suffix_line(description: Input::EventDescription, kind: Input::Event,
    text: string)
	{
	add_public_suffix(text);
	}

event no_key(description: Input::EventDescription, message: string,
    level: Reporter::Level)
	{
	refuse("pseudonyms", pseudonyms, "cannot be read", key_cure);
	}

event no_suffixes(description: Input::EventDescription, message: string,
    level: Reporter::Level)
	{
	refuse("public_suffix_list", public_suffix_list, "cannot be read", "apt-get install publicsuffix, or name a copy of publicsuffix.org/list/public_suffix_list.dat");
	}

event Input::end_of_data(name: string, source: string)
	{
	if ( name == "PANO key" )
		{
		if ( |key_lines| != 1 || /^[0-9a-fA-F]{64}\r?$/ !in key_lines[0] )
			refuse("pseudonyms", pseudonyms, "no key of 64 hexadecimal digits",
			    key_cure);

		read_key(key_lines[0][0:64]);
		key_lines = vector();
		continue_processing();
		}
	else if ( name == "PANO suffixes" )
		{
		if ( "com" !in public_suffixes )
			refuse("public_suffix_list", public_suffix_list, "no public suffix list",
			    "name one");

		continue_processing();
		}
	}

# No packet is looked at before both files are read.
event zeek_init()
	{
	if ( pseudonyms == "" )
		return;

	disguises = T;
	suspend_processing();
	suspend_processing();
	Input::add_event([$source=pseudonyms, $name="PANO key",
	    $reader=Input::READER_RAW, $fields=Line, $want_record=F,
	    $ev=key_line, $error_ev=no_key]);
	Input::add_event([$source=public_suffix_list, $name="PANO suffixes",
	    $reader=Input::READER_RAW, $fields=Line, $want_record=F,
	    $ev=suffix_line, $error_ev=no_suffixes]);
	}
