# @TEST-DOC: A query_timeout that Zeek's connections do not outlive is refused with a cure, at the start and at run time.
#
# @TEST-EXEC-FAIL: zeek -b $PACKAGE PANO::query_timeout=9sec >out 2>&1
# @TEST-EXEC: grep -q "fatal error.*PANO::query_timeout=9.0 secs: Zeek forgets a silent connection after dns_session_timeout=7.0 secs, less a second: set that to more than 10.0 secs too" out
# @TEST-EXEC: zeek -b $PACKAGE PANO::query_timeout=9sec dns_session_timeout=12sec %INPUT >changed 2>&1
# @TEST-EXEC: btest-diff changed

event zeek_init() &priority=-10
	{
	Option::set("PANO::query_timeout", 3sec);
	print PANO::query_timeout;
	}
