# @TEST-DOC: More queries than max_pending: the oldest leave as timeouts, slice by slice, and are counted.
#
# @TEST-EXEC: zeek -b -r $CAPTURES/flood.pcap $PACKAGE %INPUT
# @TEST-EXEC: columns trans_id query outcome <dns.log >left
# @TEST-EXEC: awk '$1 + 2 < newest { print "left after", newest, "which is younger:", $0 } $1 > newest { newest = $1 }' left >disorder
# @TEST-EXEC: sort -n left >transactions
# @TEST-EXEC: test ! -s disorder
# @TEST-EXEC: columns dns_queries timeouts evicted pending records_logged <pano_stats.log >totals
# @TEST-EXEC: btest-diff transactions
# @TEST-EXEC: btest-diff totals

redef PANO::max_pending = 20;
