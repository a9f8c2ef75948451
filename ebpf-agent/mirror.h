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
	PANO_NO_MEMORY,	  /* error: the kernel could not clone */
	PANO_DEVICE_DOWN, /* error: the mirror is down or gone */
	PANO_CONGESTED,	  /* error: the mirror's receive queue was full */
	PANO_REFUSED,	  /* error: any other reason */
	PANO_VERDICTS,
};

struct pano_hook {
	__u32 ifindex;
	__u32 direction;
};

struct pano_counters {
	__u64 packets[PANO_VERDICTS];
};

/* Fixed before the program is loaded. */
struct pano_devices {
	__u32 mirror; /* ifindex of the mirror */
	__u32 flags;  /* of bpf_clone_redirect */
};

/* May change while packets flow. */
struct pano_choice {
	__u64 ports[65536 / 64]; /* bit set: mirror this port, on either side */
};

#endif
