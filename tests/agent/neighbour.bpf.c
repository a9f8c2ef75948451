/* Programs of others, for tests: a VLAN on a link, and a neighbour that lets nobody come after it.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN 7
#define TAGGED_HOST 3  /* of 198.18.9.0/24 */
#define SOURCE_HOST 29 /* last octets of the IPv4 addresses in a frame */
#define DESTINATION_HOST 33

/* At egress: what goes to or comes from the tagged host gets a VLAN tag. */
SEC("classifier/tag") int tag(struct __sk_buff *skb)
{
	__u8 source = 0, destination = 0;

	bpf_skb_load_bytes(skb, SOURCE_HOST, &source, 1);
	bpf_skb_load_bytes(skb, DESTINATION_HOST, &destination, 1);
	if (source == TAGGED_HOST || destination == TAGGED_HOST)
		bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), VLAN);
	return TC_ACT_OK;
}

/* At ingress: takes the tag off again. */
SEC("classifier/untag") int untag(struct __sk_buff *skb)
{
	if (skb->vlan_present)
		bpf_skb_vlan_pop(skb);
	return TC_ACT_OK;
}
