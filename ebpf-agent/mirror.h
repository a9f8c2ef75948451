/* What the kernel program and pano_glue/agent/layout.py share: change both together. */
#ifndef PANO_MIRROR_H
#define PANO_MIRROR_H

#include <linux/types.h>

enum pano_direction { PANO_INGRESS, PANO_EGRESS };

/* What became of a packet. Every matched packet gets exactly one of the others. */
enum pano_verdict {
	PANO_MATCHED,
	PANO_MIRRORED,
	PANO_DUPLICATE,
	PANO_NO_MEMORY,	    /* error: the kernel could not clone */
	PANO_NO_DEVICE,	    /* error: the mirror is gone */
	PANO_DROPPED,	    /* error: the mirror is down, or its queue (the CPU's backlog) full */
	PANO_TOO_LONG,	    /* error: longer than the mirror's MTU */
	PANO_ABOVE_CEILING, /* error: more packets than the ceiling allows */
	PANO_REFUSED,	    /* error: any other reason */
	PANO_VERDICTS,
};

struct pano_hook {
	__u32 ifindex;
	__u32 direction;
};

/* What a hook has seen. */
struct pano_count {
	struct pano_hook hook;
	__u64 packets[PANO_VERDICTS];
};

/*
 * The table of counts: a hook's is at one of PANO_PROBES places from
 * (2 * ifindex + direction) % PANO_HOOKS on. Interfaces have numbers from 1; 0 is a free place.
 */
#define PANO_HOOKS 4096
#define PANO_PROBES 8

/* IPv4 as ::ffff:a.b.c.d, in network order. */
struct pano_address {
	__be32 words[4];
};

/* Where clones go. */
struct pano_devices {
	__u32 mirror;	    /* interface that clones enter */
	__u32 mirror_flags; /* of bpf_clone_redirect */
	__u32 longest;	    /* frame that the mirror takes, in bytes */
	__u32 relay;	    /* interface where clones without an Ethernet header get one first */
	__u32 onward;	    /* tunnel to a remote sensor; 0: the mirror is the end */
	struct pano_address sensor; /* its other end: tunnels to it are ours, never looked into */
};

/* Which packets to clone; may change while packets flow. */
struct pano_choice {
	__u64 interval; /* ns between two packets at the ceiling; 0: no ceiling */
	__u32 one_in;	/* one flow in so many */
	__u8 udp, tcp;
	__u8 once;     /* clone what several interfaces show only once */
	__u8 tunnels;  /* look inside VXLAN, GENEVE and GRE */
	__u8 networks; /* bit set: the role (as in pano_network) has networks */
	__u8 pad[7];
	__u64 ports[65536 / 64]; /* bit set: this port, on either side */
};

enum pano_role { PANO_CLIENT, PANO_SERVER };

/* Key of the longest-prefix trie of networks; the value is 1 to include, 0 to exclude. */
struct pano_network {
	__u32 prefix; /* bits that count: 32 for the role, then the address */
	__be32 role;
	struct pano_address address;
};

#endif
