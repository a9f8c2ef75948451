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
#define EXTENSION_HEADERS 8 /* more than any sender has use for */
#define OFFSET_MASK 0x1fff  /* IPv4: fragment offset in units of 8 bytes */
#define MORE_FRAGMENTS 0x2000

struct packet {
	struct pano_address source, destination;
	__u32 at;	      /* where the next header starts, from the first byte */
	__u32 identification; /* of the datagram that was fragmented (IPv4: within its protocol) */
	__u16 offset;	      /* of the fragment, in units of 8 bytes */
	bool more;	      /* fragments follow */
	__u8 transport;	      /* IPPROTO_* */
	__u16 source_port, destination_port;
	__u16 length; /* as the IP header gives it: 0 for the longest super-packets */
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

/* Works whether or not the bytes are in the linear part, and never moves any. */
static __always_inline bool load(struct __sk_buff *skb, __u32 from, void *to, __u32 size)
{
	return bpf_skb_load_bytes(skb, from, to, size) == 0;
}

static __always_inline bool read_vlan(struct __sk_buff *skb, struct packet *packet,
				      __be16 *protocol)
{
	struct vlan_tag tag;

	for (int i = 0; i < VLAN_TAGS; i++) {
		if (*protocol != bpf_htons(ETH_P_8021Q) && *protocol != bpf_htons(ETH_P_8021AD))
			return true;
		if (!load(skb, packet->at, &tag, sizeof(tag)))
			return false;
		*protocol = tag.protocol;
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

/* RFC 8200, section 4: headers chain by their first byte. */
static __always_inline bool read_extensions(struct __sk_buff *skb, struct packet *packet)
{
	struct extension header;

	for (int i = 0; i < EXTENSION_HEADERS; i++) {
		__u8 kind = packet->transport;

		if (kind != IPPROTO_HOPOPTS && kind != IPPROTO_ROUTING && kind != IPPROTO_DSTOPTS &&
		    kind != IPPROTO_FRAGMENT && kind != IPPROTO_AH && kind != IPPROTO_MH)
			return true;
		if (!load(skb, packet->at, &header, sizeof(header)))
			return false;
		packet->transport = header.next;
		if (kind == IPPROTO_FRAGMENT) {
			packet->offset = bpf_ntohs(header.offset_and_flags) >> 3;
			packet->more = bpf_ntohs(header.offset_and_flags) & 1;
			packet->identification = header.identification;
			packet->at += sizeof(header);
			if (packet->offset) /* what follows is the middle of the datagram */
				return true;
		} else if (kind == IPPROTO_AH) {
			packet->at += (header.length + 2) * 4;
		} else {
			packet->at += (header.length + 1) * 8;
		}
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

/*
 * Reads the IP headers at packet->at; 0 when this is no IP. A function of its own, so that the
 * verifier follows its many paths once, not once for each way here.
 */
__noinline int read_ip(struct __sk_buff *skb, struct packet *packet, __u16 protocol)
{
	if (!packet || !read_vlan(skb, packet, &protocol))
		return 0;
	if (protocol == bpf_htons(ETH_P_IP))
		return read_ipv4(skb, packet);
	if (protocol == bpf_htons(ETH_P_IPV6))
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

/*
 * Most packets are UDP or TCP with nothing around it that varies. Read from fixed offsets, without
 * a call, they cost a third of what the general way does. False sends others there, at the same
 * packet->at.
 */
static __always_inline bool read_plain(struct __sk_buff *skb, struct packet *packet)
{
	void *end = (void *)(long)skb->data_end;
	struct iphdr *ip = (void *)(long)skb->data + packet->at;
	struct ipv6hdr *ip6 = (void *)ip;
	__be16 *ports;
	__u32 header;
	__u8 transport;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		ports = (void *)(ip + 1);
		if ((void *)(ports + 2) > end || ip->version != 4 || ip->ihl != 5 ||
		    (ip->frag_off & bpf_htons(MORE_FRAGMENTS | OFFSET_MASK)))
			return false;
		map_address(&packet->source, ip->saddr);
		map_address(&packet->destination, ip->daddr);
		packet->identification = ip->protocol << 16 | ip->id;
		packet->length = bpf_ntohs(ip->tot_len);
		header = sizeof(*ip);
		transport = ip->protocol;
		barrier_var(transport); /* no offset that differs from path to path */
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		ports = (void *)(ip6 + 1);
		if ((void *)(ports + 2) > end || ip6->version != 6)
			return false;
		__builtin_memcpy(&packet->source, &ip6->saddr, sizeof(packet->source));
		__builtin_memcpy(&packet->destination, &ip6->daddr, sizeof(packet->destination));
		packet->length = bpf_ntohs(ip6->payload_len);
		header = sizeof(*ip6);
		transport = ip6->nexthdr;
		barrier_var(transport);
	} else {
		return false;
	}
	if (transport != IPPROTO_UDP && transport != IPPROTO_TCP)
		return false;
	packet->transport = transport;
	packet->source_port = bpf_ntohs(ports[0]);
	packet->destination_port = bpf_ntohs(ports[1]);
	packet->at += header;
	return true;
}

#endif
