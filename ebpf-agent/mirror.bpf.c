// SPDX-License-Identifier: Apache-2.0
/*
 * Clones DNS packets, whole, to a mirror interface.
 *
 * Attached at tcx or clsact, before any neighbour. It never writes to the packet that
 * passes and always lets it go on: on any doubt a packet is simply not mirrored.
 */
#include "mirror.h"
#include "packet.h"

#define NEXT_PROGRAM -1 /* TCX_NEXT and TC_ACT_UNSPEC: whoever comes next decides */
#define TC_ACT_SHOT 2
#define MAX_HOOKS 4096
#define MAX_DATAGRAMS 16384
#define ENOMEM 12
#define EINVAL 22
#define ENETDOWN 100

const volatile struct pano_devices devices SEC(".rodata.devices");
struct pano_choice choice SEC(".data.choice");

/* User space makes an entry for each hook before it attaches there. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, MAX_HOOKS);
	__type(key, struct pano_hook);
	__type(value, struct pano_counters);
} counters SEC(".maps");

struct datagram {
	struct address source, destination;
	__u32 identification;
	__u32 transport;
};

/* Datagrams whose first fragment was chosen; the others carry no ports. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_DATAGRAMS);
	__type(key, struct datagram);
	__type(value, __u8);
} datagrams SEC(".maps");

static __always_inline bool port_chosen(__u16 port)
{
	return choice.ports[port / 64] & (1ULL << (port % 64));
}

static __always_inline bool fragment_chosen(const struct packet *packet, bool first)
{
	struct datagram datagram = {
		.source = packet->source,
		.destination = packet->destination,
		.identification = packet->identification,
		.transport = packet->transport,
	};
	__u8 seen = 1;

	if (!first)
		return bpf_map_lookup_elem(&datagrams, &datagram);
	bpf_map_update_elem(&datagrams, &datagram, &seen, BPF_ANY);
	return true;
}

static __always_inline bool chosen(struct __sk_buff *skb, struct packet *packet)
{
	if (packet->offset)
		return fragment_chosen(packet, false);
	if (!read_ports(skb, packet))
		return false;
	if (!port_chosen(packet->source_port) && !port_chosen(packet->destination_port))
		return false;
	return packet->more ? fragment_chosen(packet, true) : true;
}

static __always_inline enum pano_verdict clone(struct __sk_buff *skb)
{
	long failure = bpf_clone_redirect(skb, devices.mirror, devices.flags);

	switch (failure) {
	case 0:
		return PANO_MIRRORED;
	case -ENOMEM:
		return PANO_NO_MEMORY;
	case -EINVAL: /* no such interface */
	case -ENETDOWN:
		return PANO_DEVICE_DOWN;
	default:
		return failure > 0 ? PANO_CONGESTED : PANO_REFUSED;
	}
}

static __always_inline int mirror(struct __sk_buff *skb, __u32 direction)
{
	struct pano_hook hook = {.ifindex = skb->ifindex, .direction = direction};
	struct packet packet = {.at = ETH_HLEN};
	struct pano_counters *count;

	if (!read_ip(skb, skb->protocol, &packet) || !chosen(skb, &packet))
		return NEXT_PROGRAM;
	count = bpf_map_lookup_elem(&counters, &hook);
	if (!count)
		return NEXT_PROGRAM;
	count->packets[PANO_MATCHED]++;
	count->packets[clone(skb)]++;
	return NEXT_PROGRAM;
}

SEC("tc") int mirror_ingress(struct __sk_buff *skb)
{
	return mirror(skb, PANO_INGRESS);
}

SEC("tc") int mirror_egress(struct __sk_buff *skb)
{
	return mirror(skb, PANO_EGRESS);
}

/* At the mirror's ingress, after the taps: the host's stack never sees a mirrored packet. */
SEC("tc") int drop(struct __sk_buff *skb)
{
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Apache-2.0";
