##! AES with keys of 128 bits (FIPS 197), which Zeek gives to no script: one block at a time, from
##! tables, as words of 32 bits. For pseudonyms, not for secrets that somebody could time.

module PANO;

# What a byte becomes (S), and that byte after the columns were mixed (T, a table for each row).
global aes_s: vector of count;
global aes_t: vector of vector of count;

# The key of each round, four words for each.
global aes_round_keys: vector of count;

# Doubles in the field of 256 elements.
function aes_doubled(a: count): count
	{
	return a < 128 ? a * 2 : ( ( a * 2 ) & 255 ) ^ 27;
	}

function aes_rotated(word: count, bits: count): count
	{
	return ( ( word << bits ) | ( word >> ( 32 - bits ) ) ) & 0xffffffff;
	}

function aes_substituted(word: count): count
	{
	return ( aes_s[word >> 24] << 24 ) | ( aes_s[( word >> 16 ) & 255] << 16 ) | (
	    aes_s[( word >> 8 ) & 255] << 8 ) | aes_s[word & 255];
	}

# The powers of 3 run through all elements but 0: an inverse is one step of subtraction away.
function aes_fill_s()
	{
	local powers: vector of count;
	local logarithms: table[count] of count;
	local a = 1;

	while ( |powers| < 255 )
		{
		logarithms[a] = |powers|;
		powers += a;
		a = a ^ aes_doubled(a);
		}

	while ( |aes_s| < 256 )
		{
		local b = |aes_s| == 0 ? 0 : powers[( 255 - logarithms[|aes_s|] ) % 255];
		# The byte five times, so that a shift turns it.
		local turned = b * 0x101;
		aes_s += ( b ^ ( turned >> 4 ) ^ ( turned >> 5 ) ^ ( turned >> 6 ) ^ (
		    turned >> 7 ) ^ 99 ) & 255;
		}
	}

function aes_fill_t()
	{
	for ( turn in vector(0, 1, 2, 3) )
		{
		local column: vector of count = vector();

		for ( _, s in aes_s )
			{
			local s2 = aes_doubled(s);
			column += aes_rotated(( s2 << 24 ) | ( s << 16 ) | ( s << 8 ) | ( s2 ^ s ), 32 - 8 *
			    turn);
			}

		aes_t += column;
		}
	}

# Takes a key of four words; all blocks after it are encrypted with it.
function aes_key(key: vector of count)
	{
	if ( |aes_s| == 0 )
		{
		aes_fill_s();
		aes_fill_t();
		}

	aes_round_keys = copy(key);
	local constant = 1;

	while ( |aes_round_keys| < 44 )
		{
		local last = aes_round_keys[|aes_round_keys| - 1];

		if ( |aes_round_keys| % 4 == 0 )
			{
			last = aes_substituted(aes_rotated(last, 8)) ^ ( constant << 24 );
			constant = aes_doubled(constant);
			}

		aes_round_keys += last ^ aes_round_keys[|aes_round_keys| - 4];
		}
	}

# All rounds but the last, which mixes no columns.
function aes_rounds(a: count, b: count, c: count, d: count): vector of count
	{
	local keys = aes_round_keys;
	local t0 = aes_t[0];
	local t1 = aes_t[1];
	local t2 = aes_t[2];
	local t3 = aes_t[3];
	local w = a ^ keys[0];
	local x = b ^ keys[1];
	local y = c ^ keys[2];
	local z = d ^ keys[3];
	local i = 4;

	while ( i < 40 )
		{
		local w1 = t0[w >> 24] ^ t1[( x >> 16 ) & 255] ^ t2[( y >> 8 ) & 255] ^ t3[z &
		    255] ^ keys[i];
		local x1 = t0[x >> 24] ^ t1[( y >> 16 ) & 255] ^ t2[( z >> 8 ) & 255] ^ t3[w &
		    255] ^ keys[i + 1];
		local y1 = t0[y >> 24] ^ t1[( z >> 16 ) & 255] ^ t2[( w >> 8 ) & 255] ^ t3[x &
		    255] ^ keys[i + 2];
		z = t0[z >> 24] ^ t1[( w >> 16 ) & 255] ^ t2[( x >> 8 ) & 255] ^ t3[y & 255] ^
		    keys[i + 3];
		w = w1;
		x = x1;
		y = y1;
		i += 4;
		}

	return vector(w, x, y, z);
	}

# Encrypts a block of four words.
function aes_block(block: vector of count): vector of count
	{
	local mixed = aes_rounds(block[0], block[1], block[2], block[3]);
	local encrypted: vector of count;

	for ( i in mixed )
		encrypted += aes_round_keys[40 + i] ^ ( ( aes_s[mixed[i] >> 24] << 24 ) | (
		    aes_s[( mixed[( i + 1 ) % 4] >> 16 ) & 255] << 16 ) | (
		    aes_s[( mixed[( i + 2 ) % 4] >> 8 ) & 255] << 8 ) |
		    aes_s[mixed[( i + 3 ) % 4] & 255] );

	return encrypted;
	}

# The first bit of an encrypted block: little of the last round is needed for it.
function aes_first_bit(a: count, b: count, c: count, d: count): count
	{
	local first = aes_s[aes_rounds(a, b, c, d)[0] >> 24] ^ ( aes_round_keys[40] >> 24 );
	return first >> 7;
	}
