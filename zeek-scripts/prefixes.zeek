##! Addresses under pseudonyms that keep their networks: two addresses with the same first bits have
##! the same first bits afterwards, and no more. This is Crypto-PAn (J. Xu et al. 2002) as
##! its authors have it.

@load ./aes

module PANO;

# What is encrypted behind the bits of an address.
global padding: vector of count;

# Networks of whole bytes, by address and length, and what became of them: lately, and before.
global networks_lately: table[addr, count] of addr;
global networks_before: table[addr, count] of addr;

# Networks that are remembered in each table, some 300 bytes each.
const most_networks = 50000;

# Takes a key of 32 bytes, as eight words.
function cryptopan_key(key: vector of count)
	{
	aes_key(key[0:4]);
	padding = aes_block(key[4:8]);
	}

# Whether bit `at` of an address changes, which hangs on the bits before it alone.
function flips(words: vector of count, at: count): count
	{
	local block = copy(padding);
	local word = at / 32;
	local behind = 0xffffffff >> ( at % 32 );

	for ( i in words )
		if ( i < word )
			block[i] = words[i];
		else if ( i == word )
			block[i] = ( words[i] & ( 0xffffffff ^ behind ) ) | ( padding[i] & behind );

	return aes_first_bit(block[0], block[1], block[2], block[3]);
	}

function remember_network(network: addr, length: count, mapped: addr)
	{
	if ( |networks_lately| >= most_networks )
		{
		networks_before = networks_lately;
		networks_lately = table();
		}

	networks_lately[network, length] = mapped;
	}

global map_prefix: function(a: addr, length: count): addr;

# Maps the byte of an address that begins at a bit, behind those that are mapped already.
function map_byte(words: vector of count, mapped: addr, at: count): addr
	{
	local result = addr_to_counts(mapped);
	local word = at / 32;
	result[word] = result[word] | ( words[word] & ( 0xff << ( 24 - at % 32 ) ) );
	local end = at + 8;

	while ( at < end )
		{
		result[word] = result[word] ^ ( flips(words, at) << ( 31 - at % 32 ) );
		++at;
		}

	return counts_to_addr(result);
	}

# Maps the first bits of an address, a multiple of eight; those behind are 0 then.
function map_prefix(a: addr, length: count): addr
	{
	if ( length == 0 )
		return is_v4_addr(a) ? 0.0.0.0 : [::];

	local network = subnet_to_addr(mask_addr(a, length));

	if ( [network, length] in networks_lately )
		return networks_lately[network, length];

	local mapped = [network, length] in networks_before ? networks_before[network,
	    length] : map_byte(addr_to_counts(network), map_prefix(a, length - 8),
	    length - 8);
	remember_network(network, length, mapped);
	return mapped;
	}

# Maps an address.
function map_address(a: addr): addr
	{
	return map_prefix(a, is_v4_addr(a) ? 32 : 128);
	}

# Maps a network: its first address, cut to its length again.
function map_network(network: subnet): subnet
	{
	return mask_addr(map_address(subnet_to_addr(network)), subnet_width(network));
	}
