/* From a tunnel's outer headers to the packet inside. */
#ifndef PANO_TUNNEL_H
#define PANO_TUNNEL_H

#include "packet.h"

#define VXLAN_PORT 4789	      /* RFC 7348 */
#define VXLAN_LINUX_PORT 8472 /* Linux's default, flannel's choice */
#define GENEVE_PORT 6081      /* RFC 8926 */
#define GRE_CHECKSUM 0x8000   /* RFC 2784, RFC 2890 */
#define GRE_KEY 0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_VERSION 0x0007

struct udp_header {
	__be16 source, destination, length, checksum;
};

struct geneve_header {
	__u8 options; /* low six bits: their length in units of 4 bytes */
	__u8 flags;
	__be16 protocol;
	__be32 vni;
};

struct gre_header {
	__be16 flags, protocol;
};

/* Whether the outer headers are those of a tunnel; 0 is the port of what has none. */
static __always_inline bool is_tunnel(__u8 transport, __u16 destination_port)
{
	if (transport != IPPROTO_UDP)
		return transport == IPPROTO_GRE;
	return destination_port == GENEVE_PORT || destination_port == VXLAN_PORT ||
	       destination_port == VXLAN_LINUX_PORT;
}

static __always_inline bool enter_geneve(struct __sk_buff *skb, struct packet *packet)
{
	struct geneve_header geneve;

	if (!load(skb, packet->at, &geneve, sizeof(geneve)))
		return false;
	packet->protocol = geneve.protocol;
	packet->at += sizeof(geneve) + (geneve.options & 0x3f) * 4;
	return true;
}

static __always_inline bool enter_gre(struct __sk_buff *skb, struct packet *packet)
{
	struct gre_header gre;
	__u16 flags;

	if (!load(skb, packet->at, &gre, sizeof(gre)))
		return false;
	flags = bpf_ntohs(gre.flags);
	if (flags & GRE_VERSION)
		return false;
	packet->protocol = gre.protocol;
	packet->at += sizeof(gre);
	packet->at +=
	    4 * (!!(flags & GRE_CHECKSUM) + !!(flags & GRE_KEY) + !!(flags & GRE_SEQUENCE));
	return true;
}

static __always_inline bool enter_udp(struct __sk_buff *skb, struct packet *packet)
{
	struct udp_header udp;

	if (!load(skb, packet->at, &udp, sizeof(udp)))
		return false;
	packet->at += sizeof(udp);
	switch (bpf_ntohs(udp.destination)) {
	case GENEVE_PORT:
		return enter_geneve(skb, packet);
	case VXLAN_PORT:
	case VXLAN_LINUX_PORT:
		packet->protocol = bpf_htons(ETH_P_TEB);
		packet->at += 8; /* flags and VNI */
		return true;
	default:
		return false;
	}
}

/* Moves packet->at to the inner IP header and sets its ethertype; false when this is no tunnel. */
static __always_inline bool enter_tunnel(struct __sk_buff *skb, struct packet *packet)
{
	bool entered = false;

	if (packet->offset || packet->more)
		return false;
	if (packet->transport == IPPROTO_UDP)
		entered = enter_udp(skb, packet);
	else if (packet->transport == IPPROTO_GRE)
		entered = enter_gre(skb, packet);
	if (!entered || packet->protocol != bpf_htons(ETH_P_TEB))
		return entered;
	packet->at += ETH_HLEN;
	return load(skb, packet->at - sizeof(packet->protocol), &packet->protocol,
		    sizeof(packet->protocol));
}

#endif
