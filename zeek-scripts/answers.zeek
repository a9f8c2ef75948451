##! The answer section as text, one event for each type of record.

@load base/protocols/dns/consts
@load ./message
@load ./record

module PANO;

# A record of another section than the answers'.
global other_section: hook(ans: dns_answer, text: string);

function add_answer(ans: dns_answer, text: string)
	{
	if ( stage != REPLY )
		return;

	if ( ans$answer_type != DNS_ANS )
		{
		hook other_section(ans, text);
		return;
		}

	if ( reading?$answers )
		{
		reading$answers += text;
		reading$TTLs += ans$TTL;
		}
	else
		{
		reading$answers = vector(text);
		reading$TTLs = vector(ans$TTL);
		}
	}

function root_or(name: string): string
	{
	return name == "" ? "<Root>" : name;
	}

function character_strings(prefix: string, strs: string_vec): string
	{
	local texts: string_vec;

	for ( _, s in strs )
		texts += fmt("%s %d %s", prefix, |s|, s);

	return join_string_vec(texts, " ");
	}

event dns_A_reply(c: connection, msg: dns_msg, ans: dns_answer, a: addr)
	{
	add_answer(ans, cat(a));
	}

event dns_AAAA_reply(c: connection, msg: dns_msg, ans: dns_answer, a: addr)
	{
	add_answer(ans, cat(a));
	}

event dns_A6_reply(c: connection, msg: dns_msg, ans: dns_answer, a: addr)
	{
	add_answer(ans, cat(a));
	}

event dns_NS_reply(c: connection, msg: dns_msg, ans: dns_answer, name: string)
	{
	add_answer(ans, name);
	}

event dns_CNAME_reply(c: connection, msg: dns_msg, ans: dns_answer,
    name: string)
	{
	add_answer(ans, name);
	}

event dns_PTR_reply(c: connection, msg: dns_msg, ans: dns_answer, name: string)
	{
	add_answer(ans, name);
	}

event dns_MX_reply(c: connection, msg: dns_msg, ans: dns_answer, name: string,
    preference: count)
	{
	add_answer(ans, name);
	}

event dns_SOA_reply(c: connection, msg: dns_msg, ans: dns_answer, soa: dns_soa)
	{
	add_answer(ans, soa$mname);
	}

event dns_SRV_reply(c: connection, msg: dns_msg, ans: dns_answer,
    target: string, priority: count, weight: count, p: count)
	{
	add_answer(ans, target);
	}

event dns_HINFO_reply(c: connection, msg: dns_msg, ans: dns_answer, cpu: string,
    os: string)
	{
	# Zeek 8.0 leaves both arguments empty where they do not fit, and no script can tell: to
	# look at them would be an error.
	add_answer(ans, "HINFO");
	}

event dns_WKS_reply(c: connection, msg: dns_msg, ans: dns_answer)
	{
	add_answer(ans, "WKS");
	}

event dns_TXT_reply(c: connection, msg: dns_msg, ans: dns_answer,
    strs: string_vec)
	{
	add_answer(ans, character_strings("TXT", strs));
	}

event dns_SPF_reply(c: connection, msg: dns_msg, ans: dns_answer,
    strs: string_vec)
	{
	add_answer(ans, character_strings("SPF", strs));
	}

event dns_NAPTR_reply(c: connection, msg: dns_msg, ans: dns_answer,
    naptr: dns_naptr_rr)
	{
	local target = strip(naptr$regexp + " " + naptr$replacement);
	add_answer(ans, fmt("NAPTR %d %d %s %s %s", naptr$order, naptr$preference,
	    naptr$flags, naptr$service, target));
	}

event dns_CAA_reply(c: connection, msg: dns_msg, ans: dns_answer, flags: count,
    tag: string, value: string)
	{
	add_answer(ans, fmt("CAA %d %s %s", flags, tag, value));
	}

event dns_SVCB(c: connection, msg: dns_msg, ans: dns_answer, svcb: dns_svcb_rr)
	{
	add_answer(ans, fmt("SVCB %d %s", svcb$svc_priority, root_or(
	    svcb$target_name)));
	}

event dns_HTTPS(c: connection, msg: dns_msg, ans: dns_answer,
    https: dns_svcb_rr)
	{
	add_answer(ans, fmt("HTTPS %d %s", https$svc_priority, root_or(
	    https$target_name)));
	}

event dns_RRSIG(c: connection, msg: dns_msg, ans: dns_answer,
    rrsig: dns_rrsig_rr)
	{
	add_answer(ans, fmt("RRSIG %d %s", rrsig$type_covered, root_or(
	    rrsig$signer_name)));
	}

event dns_DNSKEY(c: connection, msg: dns_msg, ans: dns_answer,
    dnskey: dns_dnskey_rr)
	{
	add_answer(ans, fmt("DNSKEY %d", dnskey$algorithm));
	}

event dns_DS(c: connection, msg: dns_msg, ans: dns_answer, ds: dns_ds_rr)
	{
	add_answer(ans, fmt("DS %d %d", ds$algorithm, ds$digest_type));
	}

event dns_NSEC(c: connection, msg: dns_msg, ans: dns_answer, next_name: string,
    bitmaps: string_vec)
	{
	add_answer(ans, fmt("NSEC %s %s", ans$query, next_name));
	}

event dns_NSEC3(c: connection, msg: dns_msg, ans: dns_answer,
    nsec3: dns_nsec3_rr)
	{
	add_answer(ans, "NSEC3");
	}

event dns_NSEC3PARAM(c: connection, msg: dns_msg, ans: dns_answer,
    nsec3param: dns_nsec3param_rr)
	{
	add_answer(ans, "NSEC3PARAM");
	}

event dns_BINDS(c: connection, msg: dns_msg, ans: dns_answer,
    binds: dns_binds_rr)
	{
	add_answer(ans, "BIND9 signing signal");
	}

event dns_SSHFP(c: connection, msg: dns_msg, ans: dns_answer, algo: count,
    fptype: count, fingerprint: string)
	{
	add_answer(ans, fmt("SSHFP: %s", bytestring_to_hexstr(fingerprint)));
	}

event dns_LOC(c: connection, msg: dns_msg, ans: dns_answer, loc: dns_loc_rr)
	{
	add_answer(ans, fmt("LOC:  %d %d %d", loc$size, loc$horiz_pre, loc$vert_pre));
	}

event dns_unknown_reply(c: connection, msg: dns_msg, ans: dns_answer)
	{
	add_answer(ans, type_names[ans$qtype]);
	}
