# @TEST-DOC: More queries than max_pending: the oldest leave as timeouts, in order, and are counted.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/flood.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns trans_id query outcome <dns.log >transactions
# @TEST-EXEC: columns dns_queries timeouts evicted pending records_logged <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals

redef PANO::max_pending = 20;
