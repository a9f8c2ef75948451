// SPDX-License-Identifier: Apache-2.0
/*
 * Clones DNS packets, whole, to a mirror interface.
 *
 * Attached at tcx or clsact, before any neighbour. It never writes to the packet that
 * passes and always lets it go on: on any doubt a packet is simply not mirrored.
 */
#include "ceiling.h"
#include "choice.h"
#include "mirror.h"
#include "once.h"
#include "packet.h"
#include "tunnel.h"

#define NEXT_PROGRAM -1 /* TCX_NEXT and TC_ACT_UNSPEC: whoever comes next decides */
#define TC_ACT_SHOT 2
#define ENOMEM 12
#define EINVAL 22
#define YEAR_2001_NS 1000000000000000000ULL /* no host has been up for so long */

struct pano_devices devices SEC(".data.devices");

/*
 * User space makes an entry for each hook before it attaches there. An array that is searched
 * like a hash table: the kernel makes its lookup a few instructions, a hash map's is calls.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PANO_HOOKS);
	__type(key, __u32);
	__type(value, struct pano_count);
} counts SEC(".maps");

/* The packet that a CPU looks at. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct packet);
} packets SEC(".maps");

/*
 * The place of a hook's count, PANO_HOOKS when it has none. Not a pointer that may be NULL: without
 * CAP_PERFMON the verifier of Linux 5.15 to 6.15 follows what a CPU might guess, which is that a
 * known NULL is none.
 */
__noinline int find_place(__u32 ifindex, __u32 direction)
{
	struct pano_count *count;
	__u32 at;

#pragma unroll
	for (__u32 probe = 0; probe < PANO_PROBES; probe++) {
		at = (2 * ifindex + direction + probe) % PANO_HOOKS;
		count = bpf_map_lookup_elem(&counts, &at);
		if (count && count->hook.ifindex == ifindex && count->hook.direction == direction)
			return at;
	}
	return PANO_HOOKS;
}

static __always_inline bool to_sensor(const struct packet *packet)
{
	return devices.onward && packet->destination.words[0] == devices.sensor.words[0] &&
	       packet->destination.words[1] == devices.sensor.words[1] &&
	       packet->destination.words[2] == devices.sensor.words[2] &&
	       packet->destination.words[3] == devices.sensor.words[3];
}

static __always_inline bool chosen(struct __sk_buff *skb, struct packet *packet, bool plain)
{
	if (plain) {
		if (ports_chosen(packet))
			return true;
	} else {
		if (!read_ip(skb, packet))
			return false;
		if (rest_chosen(skb, packet))
			return true;
	}
	if (!choice.tunnels || to_sensor(packet) || !enter_tunnel(skb, packet))
		return false;
	return read_ip(skb, packet) && rest_chosen(skb, packet);
}

static __always_inline bool is_other(__u8 transport, const __be16 *ports)
{
	if (choice.tunnels && is_tunnel(transport, bpf_ntohs(ports[1])))
		return false;
	if (transport != IPPROTO_UDP && transport != IPPROTO_TCP)
		return true;
	return !port_chosen(bpf_ntohs(ports[0])) && !port_chosen(bpf_ntohs(ports[1]));
}

/*
 * Most packets can be told from fixed offsets not to be DNS, nor anything that might hold it. In
 * place there are no calls and nothing is on the stack: without CAP_PERFMON the kernel puts a
 * fence behind each write there. False: look closer.
 */
static __always_inline bool passes_by(struct __sk_buff *skb, __u32 at, bool in_place)
{
	struct plain4 *four, copy4;
	struct plain6 *six, copy6;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		return see_plain4(skb, at, &four, &copy4, in_place) &&
		       is_other(four->ip.protocol, four->ports);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return see_plain6(skb, at, &six, &copy6, in_place) &&
		       !is_extension(six->ip.nexthdr) && is_other(six->ip.nexthdr, six->ports);
	return !is_vlan(skb->protocol);
}

/*
 * The address of a counter, computed where the verdict falls: without CAP_PERFMON the verifier
 * takes no index that differs from path to path, which is what the compiler would make of it.
 */
static __always_inline __u64 *counter(struct pano_count *count, enum pano_verdict verdict)
{
	__u64 *at = &count->packets[verdict];

	barrier_var(at);
	return at;
}

/*
 * A packet that leaves may carry the time when it is to leave, by a clock that counts from the
 * boot (earliest departure time, and what a veth pair makes of it). Before Linux 5.18 its clone
 * kept that as the time when it came. It shall have the time of now, and the packet its own.
 */
static __always_inline long clone_now(struct __sk_buff *skb, __u32 ifindex, __u32 flags,
				      bool leaves)
{
	__u64 time = skb->tstamp;
	bool departure = time && (leaves || time < YEAR_2001_NS);
	long failure;

	if (departure)
		skb->tstamp = 0;
	failure = bpf_clone_redirect(skb, ifindex, flags);
	if (departure)
		skb->tstamp = time;
	return failure;
}

static __always_inline __u64 *clone(struct __sk_buff *skb, struct pano_count *count, __u32 ifindex,
				    __u32 flags)
{
	bool leaves = count->hook.direction == PANO_EGRESS;
	long failure = clone_now(skb, ifindex, flags, leaves);

	if (!failure)
		return counter(count, PANO_MIRRORED);
	if (failure > 0 && skb->len > devices.longest)
		return counter(count, PANO_TOO_LONG);
	if (failure > 0)
		return counter(count, PANO_DROPPED);
	if (failure == -ENOMEM)
		return counter(count, PANO_NO_MEMORY);
	if (failure == -EINVAL)
		return counter(count, PANO_NO_DEVICE);
	return counter(count, PANO_REFUSED);
}

/* Mirrors a matched packet, or does not; returns what to count it as. */
static __always_inline __u64 *mirror(struct __sk_buff *skb, struct packet *packet,
				     struct pano_count *count, bool bare)
{
	if (choice.once && !first_sight(skb, packet, &count->hook))
		return counter(count, PANO_DUPLICATE);
	if (!under_ceiling())
		return counter(count, PANO_ABOVE_CEILING);
	if (bare)
		return clone(skb, count, devices.relay, BPF_F_INGRESS);
	return clone(skb, count, devices.mirror, devices.mirror_flags);
}

static __always_inline int look_closer(struct __sk_buff *skb, __u32 direction, __u32 bare,
				       bool in_place)
{
	struct packet *packet;
	struct pano_count *count;
	__u32 only = 0;
	bool plain;

	packet = bpf_map_lookup_elem(&packets, &only);
	if (!packet)
		return 0;
	packet->protocol = skb->protocol;
	if (bare) {
		packet->at = 0;
		plain = read_plain(skb, packet, 0, in_place);
	} else {
		packet->at = ETH_HLEN;
		plain = read_plain(skb, packet, ETH_HLEN, in_place);
	}
	if (!chosen(skb, packet, plain))
		return 0;
	packet->place = find_place(skb->ifindex, direction);
	count = bpf_map_lookup_elem(&counts, &packet->place);
	if (!count)
		return 0;
	count->packets[PANO_MATCHED]++;
	++*mirror(skb, packet, count, bare);
	return 0;
}

/* Mirrors what is chosen. A function of its own: the verifier takes it once. */
__noinline int take(struct __sk_buff *skb, __u32 direction, __u32 bare)
{
	return look_closer(skb, direction, bare, true);
}

__noinline int take_copies(struct __sk_buff *skb, __u32 direction, __u32 bare)
{
	return look_closer(skb, direction, bare, false);
}

/*
 * A program for a direction, and the same one that reads nothing in place, of which user space
 * loads the one that the kernel takes.
 */
#define PROGRAM(name, direction, bare)                                                             \
	SEC("tc") int name(struct __sk_buff *skb)                                                  \
	{                                                                                          \
		if (!passes_by(skb, (bare) ? 0 : ETH_HLEN, true))                                  \
			take(skb, direction, bare);                                                \
		return NEXT_PROGRAM;                                                               \
	}                                                                                          \
	SEC("tc") int name##_copies(struct __sk_buff *skb)                                         \
	{                                                                                          \
		if (!passes_by(skb, (bare) ? 0 : ETH_HLEN, false))                                 \
			take_copies(skb, direction, bare);                                         \
		return NEXT_PROGRAM;                                                               \
	}

PROGRAM(mirror_ingress, PANO_INGRESS, false)
PROGRAM(mirror_egress, PANO_EGRESS, false)
/* For interfaces whose packets start with the IP header: tun, wireguard, ipip. */
PROGRAM(bare_ingress, PANO_INGRESS, true)
PROGRAM(bare_egress, PANO_EGRESS, true)

/* At the relay's ingress: what comes here is ours alone, so an Ethernet header may go in front. */
SEC("tc") int dress(struct __sk_buff *skb)
{
	__be16 protocol = skb->protocol;

	if (bpf_skb_change_head(skb, ETH_HLEN, 0) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN - sizeof(protocol), &protocol, sizeof(protocol), 0))
		return TC_ACT_SHOT;
	return bpf_redirect(devices.mirror, devices.mirror_flags);
}

/*
 * At the mirror's ingress, which is after the taps: the host's stack never sees a mirrored
 * packet. With a remote sensor it goes on into the tunnel.
 */
SEC("tc") int finish(struct __sk_buff *skb)
{
	return devices.onward ? bpf_redirect(devices.onward, 0) : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Apache-2.0";
