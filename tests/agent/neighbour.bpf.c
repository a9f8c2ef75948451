/* Programs of others, for tests: a VLAN on a link, and a neighbour that lets
 * nobody come after it. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN 7
#define LAST_OCTETS 29, 33 /* of source and destination in a frame with IPv4   \
                            */
#define TAGGED_HOST 3

/* At egress: what goes to or comes from 198.18.9.3 gets a VLAN tag. */
SEC("classifier/tag") int tag(struct __sk_buff *skb) {
  const __u32 offsets[] = {LAST_OCTETS};

  for (int i = 0; i < 2; i++) {
    __u8 octet = 0;

    bpf_skb_load_bytes(skb, offsets[i], &octet, 1);
    if (octet == TAGGED_HOST)
      return bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), VLAN) ? TC_ACT_SHOT
                                                                  : TC_ACT_OK;
  }
  return TC_ACT_OK;
}

/* At ingress: takes the tag off again. */
SEC("classifier/untag") int untag(struct __sk_buff *skb) {
  if (skb->vlan_present)
    bpf_skb_vlan_pop(skb);
  return TC_ACT_OK;
}
