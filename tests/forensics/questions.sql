-- Every question's main numbers, in SQL of its own over the raw records (tests/forensics/test_sql.py).
-- A domain is two labels here, or three below co.uk and com.au, which in these logs is what was registered.

-- views
CREATE VIEW log AS SELECT *, "id.orig_h" AS client, "id.resp_h" AS server,
    CASE WHEN query LIKE '%.%' THEN regexp_extract(query, '[^.]*[.](co[.]uk|com[.]au|[^.]*)$') ELSE query END AS domain,
    outcome IN ('timeout', 'unreachable') AS unanswered
  FROM raw;
CREATE VIEW asked AS FROM log WHERE outcome IN ('answered', 'timeout', 'unreachable');
CREATE MACRO counts() AS TABLE
  SELECT 'client' AS kind, client AS one, * FROM log
  UNION ALL SELECT 'server', server, * FROM log
  UNION ALL SELECT 'domain', domain, * FROM log WHERE query <> '';
CREATE VIEW counted AS
  SELECT kind, one, count(*) FILTER (outcome IN ('answered', 'timeout', 'unreachable')) AS queries,
    count(*) FILTER (rcode = 3) AS nxdomain, count(*) FILTER (unanswered OR rcode NOT IN (0, 3)) AS failures,
    quantile_disc(rtt, 0.5) AS p50, quantile_disc(rtt, 0.99) AS p99
  FROM counts() GROUP BY kind, one;

-- slow
SELECT server, count(rtt), quantile_disc(rtt, 0.5), quantile_disc(rtt, 0.99), max(rtt)
  FROM log WHERE rtt IS NOT NULL GROUP BY server ORDER BY sum(round(rtt * 1e6)) DESC, server LIMIT 20;

-- failures
SELECT CASE WHEN unanswered THEN outcome ELSE rcode_name END AS result, count(*) AS n,
    count(DISTINCT client), count(DISTINCT query)
  FROM log WHERE unanswered OR rcode > 0 GROUP BY result ORDER BY n DESC, result;

-- clients
SELECT * EXCLUDE (kind) FROM counted WHERE kind = 'client' ORDER BY queries DESC, one LIMIT 20;

-- servers
SELECT * EXCLUDE (kind) FROM counted WHERE kind = 'server' ORDER BY queries DESC, one LIMIT 20;

-- names
SELECT * EXCLUDE (kind) FROM counted WHERE kind = 'domain' ORDER BY queries DESC, one LIMIT 20;

-- timeline
SELECT count(*) FILTER (outcome IN ('answered', 'timeout', 'unreachable')),
    count(*) FILTER (rcode = 3), count(*) FILTER (unanswered OR rcode NOT IN (0, 3)),
    quantile_disc(rtt, 0.5), quantile_disc(rtt, 0.99)
  FROM log GROUP BY floor(ts / 10) ORDER BY floor(ts / 10);

-- search
SELECT uid, trans_id, qtype, rcode, rtt
  FROM (FROM log ORDER BY ts DESC, uid DESC, trans_id DESC LIMIT 30) ORDER BY ts, uid, trans_id;

-- show
SELECT client, server, count(*) AS n FROM log
  WHERE query = (SELECT query FROM log WHERE uid = UID AND trans_id = 7) AND (uid <> UID OR trans_id <> 7)
  GROUP BY client, server, CASE WHEN unanswered THEN outcome WHEN rcode = 0 THEN 'NOERROR' ELSE rcode_name END
  ORDER BY n DESC, client, server LIMIT 10;

-- wasted
WITH turns AS (
    SELECT *, lag(ts) OVER turn AS ts_before, list_min(lag(TTLs) OVER turn) AS ttl_before
    FROM asked WHERE query <> '' WINDOW turn AS (PARTITION BY client, query, qtype ORDER BY ts)),
  suffixed AS (
    SELECT DISTINCT a.client, a.query FROM (SELECT DISTINCT client, query FROM turns WHERE rcode = 3) a
    JOIN (SELECT DISTINCT client, query FROM turns) b
    ON a.client = b.client AND starts_with(a.query, b.query || '.')),
  family AS (SELECT DISTINCT client, query, 29 - qtype AS qtype FROM turns WHERE qtype IN (1, 28) AND len(answers) > 0)
SELECT query, count(*) AS n FROM turns
  WHERE (rcode = 3 AND (client, query) IN (FROM suffixed))
    OR (rcode = 0 AND coalesce(len(answers), 0) = 0 AND (client, query, qtype) IN (FROM family))
    OR round((ts - ts_before) * 1e6) < ttl_before * 1e6
  GROUP BY query ORDER BY n DESC, query LIMIT 1000;

-- tunnels
SELECT client, domain, count(DISTINCT query) AS n, sum(length(query) - length(domain) - 1) AS below, sum(reply_bytes)
  FROM asked WHERE query LIKE '%.%' AND query NOT LIKE '%.local'
  GROUP BY client, domain HAVING n >= 50 AND sum(greatest(length(query) - length(domain) - 1, 0)) >= 8 * count(*)
  ORDER BY ALL;

-- beacons
WITH lookups AS (
    SELECT client, query, min(round(ts * 1e6)) AS us FROM asked WHERE query <> '' GROUP BY client, query, floor(ts)),
  steps AS (
    SELECT *, (us - lag(us) OVER (PARTITION BY client, query ORDER BY us)) / 1e6 AS step FROM lookups),
  rhythms AS (
    SELECT client, query, count(*) AS n, quantile_disc(step, [0.1, 0.5, 0.9]) AS p
    FROM steps GROUP BY client, query HAVING n >= 8)
SELECT client, query, n, p[2] FROM rhythms WHERE p[2] >= 5 AND (p[3] - p[1]) / p[2] <= 0.25 ORDER BY ALL;

-- new_names
SELECT domain, count(*) FROM asked
  WHERE query LIKE '%.%' AND query NOT LIKE '%.local' AND query NOT LIKE '%.arpa'
  GROUP BY domain HAVING min(ts) >= HALFWAY ORDER BY min(ts), domain;

-- compare
SELECT count(*) FILTER (ts < HALFWAY) / (HALFWAY - FIRST), count(*) FILTER (ts >= HALFWAY) / (LAST - HALFWAY)
  FROM asked WHERE ts >= FIRST AND ts < LAST;

-- upstream
SELECT server, count(*), quantile_disc(rtt, 0.5), quantile_disc(rtt, 0.99),
    coalesce(sum(round(rtt * 1e6)), 0) / 1e6 AS waited
  FROM asked WHERE client = RESOLVER AND query <> '' GROUP BY server ORDER BY waited DESC, server;
