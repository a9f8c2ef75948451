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

static __always_inline struct pano_count *find_count(const struct pano_hook *hook)
{
	struct pano_count *count;
	__u32 at;

	for (__u32 probe = 0; probe < PANO_PROBES; probe++) {
		at = (2 * hook->ifindex + hook->direction + probe) % PANO_HOOKS;
		count = bpf_map_lookup_elem(&counts, &at);
		if (count && count->hook.ifindex == hook->ifindex &&
		    count->hook.direction == hook->direction)
			return count;
	}
	return NULL;
}

static __always_inline bool to_sensor(const struct packet *packet)
{
	return devices.onward && packet->destination.words[0] == devices.sensor.words[0] &&
	       packet->destination.words[1] == devices.sensor.words[1] &&
	       packet->destination.words[2] == devices.sensor.words[2] &&
	       packet->destination.words[3] == devices.sensor.words[3];
}

static __always_inline bool chosen(struct __sk_buff *skb, struct packet *packet)
{
	__be16 protocol = skb->protocol;

	if (read_plain(skb, packet)) {
		if (ports_chosen(packet))
			return true;
	} else {
		if (!read_ip(skb, packet, protocol))
			return false;
		if (rest_chosen(skb, packet))
			return true;
	}
	if (!choice.tunnels || to_sensor(packet) || !enter_tunnel(skb, packet, &protocol))
		return false;
	return read_ip(skb, packet, protocol) && rest_chosen(skb, packet);
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

static __always_inline __u64 *clone(struct __sk_buff *skb, struct pano_count *count, __u32 ifindex,
				    __u32 flags)
{
	long failure = bpf_clone_redirect(skb, ifindex, flags);

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
static __always_inline __u64 *mirror(struct __sk_buff *skb, const struct packet *packet,
				     const struct pano_hook *hook, struct pano_count *count,
				     bool bare)
{
	if (choice.once && !first_sight(skb, packet, hook))
		return counter(count, PANO_DUPLICATE);
	if (!under_ceiling())
		return counter(count, PANO_ABOVE_CEILING);
	if (bare)
		return clone(skb, count, devices.relay, BPF_F_INGRESS);
	return clone(skb, count, devices.mirror, devices.mirror_flags);
}

static __always_inline int pass(struct __sk_buff *skb, enum pano_direction direction, bool bare)
{
	struct pano_hook hook = {.ifindex = skb->ifindex, .direction = direction};
	struct packet packet = {.at = bare ? 0 : ETH_HLEN};
	struct pano_count *count;

	if (!chosen(skb, &packet))
		return NEXT_PROGRAM;
	count = find_count(&hook);
	if (!count)
		return NEXT_PROGRAM;
	count->packets[PANO_MATCHED]++;
	++*mirror(skb, &packet, &hook, count, bare);
	return NEXT_PROGRAM;
}

SEC("tc") int mirror_ingress(struct __sk_buff *skb)
{
	return pass(skb, PANO_INGRESS, false);
}

SEC("tc") int mirror_egress(struct __sk_buff *skb)
{
	return pass(skb, PANO_EGRESS, false);
}

/* For interfaces whose packets start with the IP header: tun, wireguard, ipip. */
SEC("tc") int bare_ingress(struct __sk_buff *skb)
{
	return pass(skb, PANO_INGRESS, true);
}

SEC("tc") int bare_egress(struct __sk_buff *skb)
{
	return pass(skb, PANO_EGRESS, true);
}

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
