##! Adds the authority and additional sections of replies, as texts like those of the answers. It
##! makes Zeek read them in every message.
##!
##!     zeek -b ./zeek-scripts ./zeek-scripts/columns/sections.zeek -i pano0

@load ../answers
@load ../main
@load ../message
@load ../pseudonyms

module PANO;

redef dns_skip_all_auth = F;
redef dns_skip_all_addl = F;
redef PANO::skip_additional = F;

redef record Info += {
	## The authority section, one text for each record.
	auth: vector of string &log &optional;
	## The additional section, one text for each record but EDNS.
	addl: vector of string &log &optional;
};

hook other_section(ans: dns_answer, text: string)
	{
	if ( ans$answer_type == DNS_AUTH )
		{
		if ( ! reading?$auth )
			reading$auth = vector();

		reading$auth += text;
		}
	else if ( ans$answer_type == DNS_ADDL )
		{
		if ( ! reading?$addl )
			reading$addl = vector();

		reading$addl += text;
		}
	}

hook pseudonymised(info: Info)
	{
	if ( info?$auth )
		for ( i in info$auth )
			info$auth[i] = map_answer(info$auth[i]);

	if ( info?$addl )
		for ( j in info$addl )
			info$addl[j] = map_answer(info$addl[j]);
	}
