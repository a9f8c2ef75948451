/* Whether a packet is among those that the user wants. */
#ifndef PANO_CHOICE_H
#define PANO_CHOICE_H

#include "hash.h"
#include "packet.h"

#define MAX_DATAGRAMS 16384
#define MAX_NETWORKS 8192 /* twice what a choice may have: old and new ones while it changes */

struct pano_choice choice SEC(".data.choice");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_NETWORKS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pano_network);
	__type(value, __u8);
} networks SEC(".maps");

/* Datagrams whose first fragment was chosen: the others carry no ports. */
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

static __always_inline bool network_chosen(struct packet *packet,
					   const struct pano_address *address, enum pano_role role)
{
	__u8 *include;

	if (!(choice.networks & (1 << role)))
		return true;
	packet->network.prefix = 32 + 128;
	packet->network.role = bpf_htonl(role);
	packet->network.address = *address;
	include = bpf_map_lookup_elem(&networks, &packet->network);
	return include && *include;
}

static __always_inline bool ends_chosen(struct packet *packet)
{
	if (port_chosen(packet->destination_port) &&
	    network_chosen(packet, &packet->source, PANO_CLIENT) &&
	    network_chosen(packet, &packet->destination, PANO_SERVER))
		return true;
	return port_chosen(packet->source_port) &&
	       network_chosen(packet, &packet->destination, PANO_CLIENT) &&
	       network_chosen(packet, &packet->source, PANO_SERVER);
}

/* The sum is the same in both directions, so a reply shares its query's fate. */
static __always_inline bool flow_chosen(const struct packet *packet)
{
	__u64 flow;

	if (choice.one_in <= 1)
		return true;
	flow = mix(hash_address(packet->source_port, &packet->source) +
		   hash_address(packet->destination_port, &packet->destination));
	return (__u32)flow % choice.one_in == 0;
}

static __always_inline bool datagram_chosen(struct packet *packet, bool first)
{
	packet->seen = 1;
	packet->datagram.source = packet->source;
	packet->datagram.destination = packet->destination;
	packet->datagram.identification = packet->identification;
	if (!first)
		return bpf_map_lookup_elem(&datagrams, &packet->datagram);
	bpf_map_update_elem(&datagrams, &packet->datagram, &packet->seen, BPF_ANY);
	return true;
}

static __always_inline bool transport_chosen(const struct packet *packet)
{
	return (packet->transport == IPPROTO_UDP && choice.udp) ||
	       (packet->transport == IPPROTO_TCP && choice.tcp);
}

/* For a packet whose ports were read. */
static __always_inline bool ports_chosen(struct packet *packet)
{
	if (!transport_chosen(packet) || !ends_chosen(packet) || !flow_chosen(packet))
		return false;
	return packet->more ? datagram_chosen(packet, true) : true;
}

/* For a packet whose IP headers were read. */
static __always_inline bool rest_chosen(struct __sk_buff *skb, struct packet *packet)
{
	if (packet->offset)
		return datagram_chosen(packet, false);
	return transport_chosen(packet) && read_ports(skb, packet) && ports_chosen(packet);
}

#endif
