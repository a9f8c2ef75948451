# @TEST-DOC: Only the networks to watch are watched, and servers have names.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/fragments.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns id.orig_h server query outcome <dns.log >transactions
# @TEST-EXEC: columns dns_queries dns_responses <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals

redef PANO::networks += {[2001:db8::]/32};
redef PANO::server_names += {[[2001:db8::53]] = "six"};
