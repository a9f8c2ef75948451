/* The same packet on eth0, a bridge and a veth is one packet. */
#ifndef PANO_ONCE_H
#define PANO_ONCE_H

#include "hash.h"
#include "packet.h"

#define MAX_SIGHTINGS 65536
#define CROSSING_NS 100000000ULL /* longer than any packet takes from one interface to the next */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_SIGHTINGS);
	__type(key, __u64);
	__type(value, struct sighting);
} sightings SEC(".maps");

/*
 * What stays the same while a packet crosses a host, and differs from the next packet: no TTL,
 * no checksum (egress may not have filled it in yet). The words are UDP's length and the DNS
 * header, or TCP's sequence numbers and flags.
 */
static __always_inline __u64 identity(struct __sk_buff *skb, const struct packet *packet)
{
	__u32 words[4] = {}, first, last;
	__u64 hash;

	hash = pair(packet->identification, packet->offset << 16 | packet->length);
	hash = hash_address(hash, &packet->source);
	hash = hash_address(hash, &packet->destination);
	if (packet->offset)
		return hash;
	load(skb, packet->at + 4, words, sizeof(words));
	first = words[0];
	last = words[3];
	if (packet->transport == IPPROTO_UDP)
		first &= bpf_htonl(0xffff0000);
	else
		last &= bpf_htonl(0x0000ffff);
	hash = mix(hash ^ pair(packet->source_port << 16 | packet->destination_port, first));
	hash = mix(hash ^ pair(words[1], words[2]));
	return mix(hash ^ pair(packet->transport, last));
}

/*
 * False when another hook saw this packet a moment ago. Seen again at the same hook it is a
 * retransmission: the hook that saw a packet first speaks for it as long as it keeps coming.
 */
static __always_inline bool first_sight(struct __sk_buff *skb, struct packet *packet,
					const struct pano_hook *hook)
{
	__u64 key = identity(skb, packet);
	struct sighting *before = bpf_map_lookup_elem(&sightings, &key);
	struct sighting *now = &packet->sighting;

	now->hook = *hook;
	now->time = bpf_ktime_get_coarse_ns();
	if (!before) {
		bpf_map_update_elem(&sightings, &key, now, BPF_ANY);
		return true;
	}
	if ((before->hook.ifindex != hook->ifindex || before->hook.direction != hook->direction) &&
	    now->time - before->time < CROSSING_NS)
		return false;
	*before = *now;
	return true;
}

#endif
