/* So that mirroring can never eat a host. */
#ifndef PANO_CEILING_H
#define PANO_CEILING_H

#include "choice.h"

#define BURST_NS 100000000ULL /* what may come at once after a pause, at the ceiling's rate */
#define TRIES 8

__u64 next_slot SEC(".data.ceiling");

/* The leaky bucket as one number: when the next packet is due (GCRA, ITU-T I.371). */
static __always_inline bool under_ceiling(void)
{
	__u64 now, slot, start;

	if (!choice.interval)
		return true;
	now = bpf_ktime_get_coarse_ns();
#pragma unroll
	for (int i = 0; i < TRIES; i++) {
		slot = next_slot;
		start = slot > now ? slot : now;
		if (start - now > BURST_NS)
			return false;
		if (__sync_val_compare_and_swap(&next_slot, slot, start + choice.interval) == slot)
			return true;
	}
	return false; /* that many CPUs at once are above any ceiling */
}

#endif
