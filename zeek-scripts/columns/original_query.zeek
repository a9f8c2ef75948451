##! Adds the name asked for as the client spelt it: resolvers mix cases to tell forged replies (0x20).
##!
##!     zeek -b ./zeek-scripts ./zeek-scripts/columns/original_query.zeek -i pano0

@load ../main
@load ../messages
@load ../pseudonyms

module PANO;

redef record Info += {
	## The name asked for, as it was spelt.
	original_query: string &log &optional;
};

event dns_request(c: connection, msg: dns_msg, query: string, qtype: count,
    qclass: count, original_query: string) &priority=-5
	{
	if ( stage == QUERY && reading?$query && reading$query == query )
		reading$original_query = original_query;
	}

# Spelling goes with the name: it could tell whose it is.
hook pseudonymised(info: Info)
	{
	if ( info?$original_query )
		info$original_query = map_name(info$original_query);
	}
