# @TEST-DOC: Kafka gets no column that is to be left out.
#
# @TEST-EXEC: zeek -b writer.zeek $PACKAGE PANO::kafka=T %INPUT >without
# @TEST-EXEC: btest-diff without
# @TEST-START-FILE writer.zeek
# The plugin's writer, by name only.
module Log;

export {
	redef enum Writer += { WRITER_KAFKAWRITER = 99 };
}
# @TEST-END-FILE

redef PANO::omit += { "id", "query" };

event zeek_init() &priority=-10
	{
	local without = Log::get_filter(PANO::LOG, "pano-kafka")$exclude;
	print "query" in without, "id.orig_h" in without, "id.resp_p" in without, "rcode" in without;
	}
