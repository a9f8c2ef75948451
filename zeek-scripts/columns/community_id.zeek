##! Adds the Community ID of the connection, which other tools compute alike: Zeek's own, with the
##! settings of its ``protocols/conn/community-id-logging`` where that is loaded before.
##!
##!     zeek -b ./zeek-scripts ./zeek-scripts/columns/community_id.zeek -i pano0

@load ../main
@load ../pseudonyms

module PANO;

redef record Info += {
	## The connection's Community ID.
	community_id: string &log &optional;
};

function add_community_id(info: Info)
	{
@ifdef ( CommunityID::seed )
	info$community_id = community_id_v1(info$id, CommunityID::seed,
	    CommunityID::do_base64);
@else
	info$community_id = community_id_v1(info$id);
@endif
	}

hook transaction(info: Info) &priority=5
	{
	add_community_id(info);
	}

hook pseudonymised(info: Info)
	{
	add_community_id(info);
	}
