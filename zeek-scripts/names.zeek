##! Names under pseudonyms, label by label; the public suffix stays.

@load ./prefixes
@load ./suffixes

module PANO;

# The key with the two paddings of HMAC (RFC 2104), as bytes.
global inner_key = "";
global outer_key = "";

# Labels and their pseudonyms: lately, and before.
global labels_lately: table[string] of string;
global labels_before: table[string] of string;

# Labels that are remembered in each table, some 200 bytes each.
const most_labels = 100000;

# Characters of a label's pseudonym, five bits each.
const pseudonym_length = 10;

const base32 = "abcdefghijklmnopqrstuvwxyz234567";

# Takes a key of 32 bytes, as hexadecimal digits.
function names_key(key: string)
	{
	local inner = "";
	local outer = "";
	local bytes = hexstr_to_bytestring(key);
	local at = 0;

	while ( at < 64 )
		{
		local byte = at < |bytes| ? bytestring_to_count(bytes[at]) : 0;
		inner += fmt("%02x", byte ^ 0x36);
		outer += fmt("%02x", byte ^ 0x5c);
		++at;
		}

	inner_key = hexstr_to_bytestring(inner);
	outer_key = hexstr_to_bytestring(outer);
	}

# The first bits of a keyed digest (HMAC-SHA-256) in base32 (RFC 4648).
function pseudonym(label: string): string
	{
	local inner = hexstr_to_bytestring(sha256_hash(inner_key + label));
	local digest = sha256_hash(outer_key + inner);
	local bits = bytestring_to_count(hexstr_to_bytestring(digest[0:16]));
	local letters = "";

	while ( |letters| < pseudonym_length )
		{
		letters += base32[bits >> 59];
		bits = bits << 5;
		}

	return letters;
	}

function map_label(label: string): string
	{
	if ( label in labels_lately )
		return labels_lately[label];

	if ( |labels_lately| >= most_labels )
		{
		labels_before = labels_lately;
		labels_lately = table();
		}

	local mapped = label in labels_before ? labels_before[label] : pseudonym(
	    label);
	labels_lately[label] = mapped;
	return mapped;
	}

# A name or another text as JSON has it: bytes that are no UTF-8 are written as \xff there.
function as_logged(text: string): string
	{
	if ( is_ascii(text) )
		return text;

	local told = from_json(to_json(text), string);
	return told$valid ? ( told$v as string ) : text;
	}

# Maps a name label by label; text with white space in it is one pseudonym.
function map_name(name: string): string
	{
	if ( name == "" || name == "." )
		return name;

	local text = to_lower(as_logged(name));

	if ( /[ \t\r\n]/ in text )
		return map_label(text);

	local labels = split_string(sub(text, /\.+$/, ""), /\./);
	local own = |labels| - public_labels(labels);
	local mapped: string_vec;

	for ( i, label in labels )
		mapped += i == 0 || i < own ? map_label(label) : label;

	return join_string_vec(mapped, ".");
	}

# Maps what an answer says: an address or a name, or any text.
function map_answer(text: string): string
	{
	return is_valid_ip(text) ? cat(map_address(to_addr(text))) : map_name(text);
	}
