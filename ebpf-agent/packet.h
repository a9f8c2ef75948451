/* From a socket buffer to the fields that decide whether to mirror it. */
#ifndef PANO_PACKET_H
#define PANO_PACKET_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "mirror.h"

#define VLAN_TAGS 2	    /* 802.1ad: a service tag around a customer tag */
#define ETH_P_QINQ 0x9100   /* what service tags were before 802.1ad, and often still are */
#define EXTENSION_HEADERS 8 /* more than any sender has use for */
#define OFFSET_MASK 0x1fff  /* IPv4: fragment offset in units of 8 bytes */
#define MORE_FRAGMENTS 0x2000

struct datagram {
	struct pano_address source, destination;
	__u32 identification;
};

struct sighting {
	struct pano_hook hook;
	__u64 time;
};

/*
 * A packet that is looked at, and all else that is written in parts. It lies in a map: without
 * CAP_PERFMON the verifier of Linux 5.16 to 6.6 lets nobody write a part of what it takes for a
 * register's copy on the stack, which is every number that it has a bound for.
 */
struct packet {
	struct pano_address source, destination;
	__u32 at;	      /* where the next header starts, from the first byte */
	__u32 identification; /* of the datagram that was fragmented (IPv4: within its protocol) */
	__u16 offset;	      /* of the fragment, in units of 8 bytes */
	bool more;	      /* fragments follow */
	__u8 transport;	      /* IPPROTO_* */
	__u16 source_port, destination_port;
	__u16 length;	 /* as the IP header gives it: 0 for the longest super-packets */
	__u8 seen;	 /* value for its datagram: 1 */
	__be16 protocol; /* ethertype of what starts at `at` */
	__u32 place;	 /* of its hook's count */
	struct pano_network network; /* key of an end */
	struct datagram datagram;    /* key of its fragments */
	struct sighting sighting;    /* when and where it is seen now */
};

struct vlan_tag {
	__be16 tci;
	__be16 protocol;
};

struct extension {
	__u8 next;
	__u8 length; /* in units of 8 bytes, the first not counted (AH: of 4, two not counted) */
	__be16 offset_and_flags; /* fragment header only */
	__be32 identification;	 /* fragment header only */
};

static __always_inline bool is_vlan(__be16 protocol)
{
	return protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD) ||
	       protocol == bpf_htons(ETH_P_QINQ);
}

static __always_inline bool is_extension(__u8 kind)
{
	return kind == IPPROTO_HOPOPTS || kind == IPPROTO_ROUTING || kind == IPPROTO_DSTOPTS ||
	       kind == IPPROTO_FRAGMENT || kind == IPPROTO_AH || kind == IPPROTO_MH;
}

/* Works whether or not the bytes are in the linear part, and never moves any. */
static __always_inline bool load(struct __sk_buff *skb, __u32 from, void *to, __u32 size)
{
	return bpf_skb_load_bytes(skb, from, to, size) == 0;
}

static __always_inline bool read_vlan(struct __sk_buff *skb, struct packet *packet)
{
	struct vlan_tag tag;

#pragma unroll
	for (int i = 0; i < VLAN_TAGS; i++) {
		if (!is_vlan(packet->protocol))
			return true;
		if (!load(skb, packet->at, &tag, sizeof(tag)))
			return false;
		packet->protocol = tag.protocol;
		packet->at += sizeof(tag);
	}
	return true;
}

static __always_inline void map_address(struct pano_address *to, __be32 from)
{
	to->words[0] = 0;
	to->words[1] = 0;
	to->words[2] = bpf_htonl(0xffff);
	to->words[3] = from;
}

static __always_inline bool read_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	struct iphdr ip;

	if (!load(skb, packet->at, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return false;
	map_address(&packet->source, ip.saddr);
	map_address(&packet->destination, ip.daddr);
	packet->at += ip.ihl * 4;
	packet->transport = ip.protocol;
	packet->offset = bpf_ntohs(ip.frag_off) & OFFSET_MASK;
	packet->more = bpf_ntohs(ip.frag_off) & MORE_FRAGMENTS;
	packet->identification = ip.protocol << 16 | ip.id;
	packet->length = bpf_ntohs(ip.tot_len);
	return true;
}

/*
 * Reads the extension header at packet->at; 0 when it cannot. A function of its own, so that the
 * verifier follows its paths once, not once for each header before it.
 */
__noinline int read_extension(struct __sk_buff *skb, struct packet *packet)
{
	struct extension header;
	__u8 kind;

	if (!packet || !load(skb, packet->at, &header, sizeof(header)))
		return 0;
	kind = packet->transport;
	packet->transport = header.next;
	if (kind == IPPROTO_FRAGMENT) {
		packet->offset = bpf_ntohs(header.offset_and_flags) >> 3;
		packet->more = bpf_ntohs(header.offset_and_flags) & 1;
		packet->identification = header.identification;
		packet->at += sizeof(header);
	} else if (kind == IPPROTO_AH) {
		packet->at += (header.length + 2) * 4;
	} else {
		packet->at += (header.length + 1) * 8;
	}
	return 1;
}

/*
 * RFC 8200, section 4: headers chain by their first byte. Unrolled: without CAP_PERFMON the
 * verifier also follows what a CPU might guess, and a loop's end is guessed wrong without end.
 */
static __always_inline bool read_extensions(struct __sk_buff *skb, struct packet *packet)
{
#pragma unroll
	for (int i = 0; i < EXTENSION_HEADERS; i++) {
		if (packet->offset || !is_extension(packet->transport))
			return true; /* after an offset comes the middle of the datagram */
		if (!read_extension(skb, packet))
			return false;
	}
	return false;
}

static __always_inline bool read_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	struct ipv6hdr ip;

	if (!load(skb, packet->at, &ip, sizeof(ip)) || ip.version != 6)
		return false;
	__builtin_memcpy(&packet->source, &ip.saddr, sizeof(packet->source));
	__builtin_memcpy(&packet->destination, &ip.daddr, sizeof(packet->destination));
	packet->at += sizeof(ip);
	packet->transport = ip.nexthdr;
	packet->offset = 0;
	packet->more = false;
	packet->identification = 0;
	packet->length = bpf_ntohs(ip.payload_len);
	return read_extensions(skb, packet);
}

/* Reads the IP headers at packet->at; 0 when this is no IP. */
__noinline int read_ip(struct __sk_buff *skb, struct packet *packet)
{
	if (!packet || !read_vlan(skb, packet))
		return 0;
	if (packet->protocol == bpf_htons(ETH_P_IP))
		return read_ipv4(skb, packet);
	if (packet->protocol == bpf_htons(ETH_P_IPV6))
		return read_ipv6(skb, packet);
	return 0;
}

/* Both UDP and TCP start with the two ports. */
static __always_inline bool read_ports(struct __sk_buff *skb, struct packet *packet)
{
	__be16 ports[2];

	if (!load(skb, packet->at, ports, sizeof(ports)))
		return false;
	packet->source_port = bpf_ntohs(ports[0]);
	packet->destination_port = bpf_ntohs(ports[1]);
	return true;
}

/* UDP or TCP with nothing around it that varies: all of it is at fixed offsets. */
struct plain4 {
	struct iphdr ip;
	__be16 ports[2];
};

struct plain6 {
	struct ipv6hdr ip;
	__be16 ports[2];
};

/*
 * Lets `to` point at `size` bytes of the packet: in place, which costs a third of a call, or at a
 * copy. Without CAP_PERFMON some verifiers compare no pointers into packets (Linux 5.15 up to
 * 6.5, but for later stable ones), so nothing can be read in place. `from` is a constant: without
 * CAP_PERFMON the verifier takes no offset that differs from path to path.
 */
static __always_inline bool see(struct __sk_buff *skb, __u32 from, void **to, void *copy,
				__u32 size, bool in_place)
{
	if (!in_place) {
		*to = copy;
		return load(skb, from, copy, size);
	}
	*to = (void *)(long)skb->data + from;
	return *to + size <= (void *)(long)skb->data_end;
}

static __always_inline bool see_plain4(struct __sk_buff *skb, __u32 from, struct plain4 **to,
				       struct plain4 *copy, bool in_place)
{
	return see(skb, from, (void **)to, copy, sizeof(*copy), in_place) &&
	       (*to)->ip.version == 4 && (*to)->ip.ihl == 5 &&
	       !((*to)->ip.frag_off & bpf_htons(MORE_FRAGMENTS | OFFSET_MASK));
}

static __always_inline bool see_plain6(struct __sk_buff *skb, __u32 from, struct plain6 **to,
				       struct plain6 *copy, bool in_place)
{
	return see(skb, from, (void **)to, copy, sizeof(*copy), in_place) && (*to)->ip.version == 6;
}

static __always_inline bool keep_plain(struct packet *packet, __u8 transport, __u32 at,
				       const __be16 *ports)
{
	if (transport != IPPROTO_UDP && transport != IPPROTO_TCP)
		return false;
	packet->at = at;
	packet->transport = transport;
	packet->offset = 0;
	packet->more = false;
	packet->source_port = bpf_ntohs(ports[0]);
	packet->destination_port = bpf_ntohs(ports[1]);
	return true;
}

/* Reads a plain packet, which costs a third of the general way. False sends others there. */
static __always_inline bool read_plain(struct __sk_buff *skb, struct packet *packet, __u32 at,
				       bool in_place)
{
	struct plain4 *four, copy4;
	struct plain6 *six, copy6;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (!see_plain4(skb, at, &four, &copy4, in_place))
			return false;
		map_address(&packet->source, four->ip.saddr);
		map_address(&packet->destination, four->ip.daddr);
		packet->identification = four->ip.protocol << 16 | four->ip.id;
		packet->length = bpf_ntohs(four->ip.tot_len);
		return keep_plain(packet, four->ip.protocol, at + sizeof(four->ip), four->ports);
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		if (!see_plain6(skb, at, &six, &copy6, in_place))
			return false;
		__builtin_memcpy(&packet->source, &six->ip.saddr, sizeof(packet->source));
		__builtin_memcpy(&packet->destination, &six->ip.daddr, sizeof(packet->destination));
		packet->identification = 0;
		packet->length = bpf_ntohs(six->ip.payload_len);
		return keep_plain(packet, six->ip.nexthdr, at + sizeof(six->ip), six->ports);
	}
	return false;
}

#endif
