package database

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

func (r *reader) Members() ([]community.Member, error) {
	members, err := all(r.session, "reading members", func(row row) (m community.Member, err error) {
		err = row.Scan(numberOf(&m.ID), &m.Net, at(&m.Joined), &m.Vouched, &m.Suspended, at(&m.Left), at(&m.Seen), jsonColumn{&m.Ties}, jsonColumn{&m.Standing})
		return m, err
	}, "SELECT id, net, joined, vouched, suspended, gone, seen, ties, standing FROM members")
	slices.SortFunc(members, func(a, b community.Member) int { return cmp.Compare(a.ID, b.ID) })
	return members, err
}

func (r *reader) Credits() ([]consensus.Credit, error) {
	return all(r.session, "reading credits", func(row row) (c consensus.Credit, err error) {
		err = row.Scan(numberOf(&c.Member), at(&c.At), unitColumn{&c.Unit})
		return c, err
	}, "SELECT member, at, unit FROM credits ORDER BY id")
}

func (r *reader) Faults() ([]consensus.Fault, error) {
	return all(r.session, "reading faults", func(row row) (f consensus.Fault, err error) {
		err = row.Scan(numberOf(&f.Member), at(&f.At), &f.Hit, unitColumn{&f.Unit})
		return f, err
	}, "SELECT member, at, hit, unit FROM faults ORDER BY id")
}

func (r *reader) Volumes(from, to time.Time, member consensus.MemberID) (map[consensus.MemberID]community.Volume, error) {
	volumes := map[consensus.MemberID]community.Volume{}
	query, args := volumesOf, []any{secondsFrom(from), secondsFrom(to), consensus.OfNetwork}
	if member != 0 {
		query, args = strings.Replace(query, "r.void = 0", "r.void = 0 AND r.member = $4", 1), append(args, int64(member))
	}
	err := r.each("counting reports", func(row row) (bool, error) {
		var member consensus.MemberID
		var v community.Volume
		err := row.Scan(numberOf(&member), &v.Reports, &v.Corroborated, &v.Units, &v.Confirmed)
		volumes[member] = v
		return true, err
	}, query, args...)
	return volumes, err
}

// volumesOf counts by unit, by network (the /24 or /48, after a byte that says which), and by
// member.
const volumesOf = `SELECT n.member, CAST(sum(n.reports) AS BIGINT), CAST(sum(n.corroborated) AS BIGINT),
	CAST(sum(CASE WHEN n.units < $3 THEN n.units ELSE $3 END) AS BIGINT),
	CAST(sum(CASE WHEN n.confirmed < $3 THEN n.confirmed ELSE $3 END) AS BIGINT)
FROM (SELECT u.member AS member, sum(u.reports) AS reports, sum(u.reports * u.confirmed) AS corroborated,
		count(*) AS units, sum(u.confirmed) AS confirmed
	FROM (SELECT r.member AS member, r.unit AS unit, count(*) AS reports, CASE WHEN EXISTS (
			SELECT 1 FROM reports o WHERE o.unit = r.unit AND o.member <> r.member AND o.void = 0) THEN 1 ELSE 0 END AS confirmed
		FROM reports r WHERE r.arrived >= $1 AND r.arrived < $2 AND r.void = 0 GROUP BY r.member, r.unit) u
	GROUP BY u.member, substr(u.unit, 1, CASE WHEN length(u.unit) = 5 THEN 4 ELSE 7 END)) n
GROUP BY n.member`

func (r *reader) Spread(hash string, limit int) ([]consensus.MemberID, error) {
	if hash == "" {
		return nil, nil
	}
	members, err := all(r.session, "counting members of a scenario", func(row row) (m consensus.MemberID, err error) {
		err = row.Scan(numberOf(&m))
		return m, err
	}, `SELECT DISTINCT u.member FROM kinds k JOIN runs u ON u.kind = k.id WHERE k.hash = $1 AND EXISTS (
		SELECT 1 FROM reports r WHERE r.member = u.member AND r.kind = u.kind AND r.void = 0) LIMIT $2`, hash, max(limit, 0))
	slices.Sort(members)
	return members, err
}

const caseColumns = "SELECT id, ticket, unit, kind, proven, opened, due, text, state, decider, reason, decided FROM cases "

func scanCase(row row) (c community.Case, err error) {
	err = row.Scan(&c.ID, &c.Ticket, unitColumn{&c.Unit}, &c.Kind, &c.Proven, at(&c.Opened), at(&c.Due), &c.Text, &c.State, &c.By, &c.Reason, at(&c.Decided))
	return c, err
}

func (r *reader) Case(id uint64) (community.Case, error) {
	return first(all(r.session, "reading case", scanCase, caseColumns+"WHERE id = $1", int64(id)))
}

func (r *reader) CaseByTicket(ticket string) (community.Case, error) {
	return first(all(r.session, "reading case", scanCase, caseColumns+"WHERE ticket = $1 AND ticket <> ''", ticket))
}

func (r *reader) Cases(every bool, limit int) ([]community.Case, error) {
	return all(r.session, "reading cases", scanCase, caseColumns+"WHERE state = $1 OR $2 = 1 ORDER BY due, id LIMIT $3", int64(community.Open), flag(every), max(limit, 0))
}

func (r *reader) CasesOf(unit consensus.Unit) ([]community.Case, error) {
	return all(r.session, "reading cases", scanCase, caseColumns+"WHERE unit = $1 ORDER BY id DESC", encodeUnit(unit))
}

func (r *reader) Totals() (community.Totals, error) {
	t := community.Totals{Tiers: map[consensus.Tier]int64{}}
	err := r.one("counting", `SELECT (SELECT count(*) FROM reports), (SELECT count(*) FROM records), (SELECT count(*) FROM members),
		(SELECT count(*) FROM cases WHERE state = $1)`, []any{int64(community.Open)}, &t.Reports, &t.Units, &t.Members, &t.OpenCases)
	if err != nil {
		return t, err
	}
	if t.Reports > 0 {
		if err := r.one("reading oldest report", "SELECT min(last) FROM reports", nil, atMinute(&t.Oldest)); err != nil {
			return t, err
		}
	}
	return t, r.each("counting tiers", func(row row) (bool, error) {
		var tier consensus.Tier
		var n int64
		err := row.Scan(&tier, &n)
		t.Tiers[tier] = n
		return true, err
	}, "SELECT tier, count(*) FROM records GROUP BY tier")
}
