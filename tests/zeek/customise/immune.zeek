# @TEST-DOC: The sensor's logs are the same bytes whatever LogAscii and the logging framework are set to.
#
# @TEST-EXEC: zeek -b -D -r $CAPTURES/header.pcap $PACKAGE PANO::sensor=s
# @TEST-EXEC: mkdir set && cd set && zeek -b -D -r $CAPTURES/header.pcap $PACKAGE PANO::sensor=s %INPUT
# @TEST-EXEC: cmp dns.log set/dns.log
# @TEST-EXEC: for log in pano_stats.log set/pano_stats.log; do sed 's/,"started".*//' <$log >$log.totals; done
# @TEST-EXEC: cmp pano_stats.log.totals set/pano_stats.log.totals
# @TEST-EXEC: zeek -b -D -r $CAPTURES/header.pcap $PACKAGE PANO::sensor=s PANO::json=F
# @TEST-EXEC: cd set && zeek -b -D -r $CAPTURES/header.pcap $PACKAGE PANO::sensor=s PANO::json=F %INPUT
# @TEST-EXEC: grep -v '^#[oc]' dns.log >plain
# @TEST-EXEC: grep -v '^#[oc]' set/dns.log >changed
# @TEST-EXEC: cmp plain changed

redef Log::default_scope_sep = "_";
redef Log::default_field_name_map = {["id.orig_h"] = "source"};
redef Log::default_ext_prefix = "x";
redef LogAscii::json_include_unset_fields = T;
redef LogAscii::json_timestamps = JSON::TS_ISO8601;
redef LogAscii::separator = "|";
redef LogAscii::set_separator = ";";
redef LogAscii::empty_field = "empty";
redef LogAscii::unset_field = "nothing";
redef LogAscii::meta_prefix = "!";
redef LogAscii::gzip_level = 3;
redef LogAscii::use_json = T;
redef LogAscii::enable_utf_8 = F;

type Extension: record {
	site: string &log;
};

redef Log::default_ext_func = function(path: string): Extension
	{
	return Extension($site="here");
	};
