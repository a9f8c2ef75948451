##! Global settings of a dedicated sensor, a Zeek that does nothing but this package.
##! Loaded in bare mode only; beside other scripts load it by name if you want it.

@load base/frameworks/analyzer
@load base/frameworks/cluster
@load ./messages

# A packet mirrored on its way out has no checksum yet: the network card adds it.
redef ignore_checksums = T;

# Whole packets, even those that segmentation offload has not cut up yet: 64 KB and headers.
redef Pcap::snaplen = 262144;

# EDNS travels in the additional section, which Zeek skips unless told otherwise.
redef dns_skip_all_addl = F;
redef PANO::skip_additional = T;

# A reply alone shows who the server is.
redef likely_server_ports += {
	53/udp,
	53/tcp
};

# A connection lives a little longer than its query may wait: 4 KB for each that is asked once.
redef dns_session_timeout = 7sec;

# One message that is not DNS does not end the analysis of those that are.
redef DPD::ignore_violations += {Analyzer::ANALYZER_DNS};

# The ledger counts every complaint of the parser; Zeek thins them out otherwise.
redef Weird::sampling_threshold = 4294967295;

# From 8.1 on a Zeek that is in no cluster publishes to nobody unless told how.
@ifdef ( Cluster::CLUSTER_BACKEND_NONE )
@if ( Cluster::node == "" )
redef Cluster::backend = Cluster::CLUSTER_BACKEND_BROKER;
@endif
@endif
