/* Hashing that mixes well enough for tables and samples; not against forgers. */
#ifndef PANO_HASH_H
#define PANO_HASH_H

#include "mirror.h"

/* The finalizer of MurmurHash3: every input bit reaches every output bit. */
static __always_inline __u64 mix(__u64 value)
{
	value ^= value >> 33;
	value *= 0xff51afd7ed558ccdULL;
	value ^= value >> 33;
	value *= 0xc4ceb9fe1a85ec53ULL;
	value ^= value >> 33;
	return value;
}

static __always_inline __u64 pair(__u32 high, __u32 low)
{
	return (__u64)high << 32 | low;
}

static __always_inline __u64 hash_address(__u64 seed, const struct pano_address *address)
{
	seed = mix(seed ^ pair(address->words[0], address->words[1]));
	return mix(seed ^ pair(address->words[2], address->words[3]));
}

#endif
