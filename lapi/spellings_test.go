package lapi

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// Rows of 192.0.2.0/24: as an administrator bans it, as a list has it, and with host bits.
const (
	usualRow  = `{"duration":"4h","scope":"Range","type":"ban","value":"192.0.2.0/24"}`
	listRow   = `{"duration":"4h","scope":"Ip","type":"ban","value":"192.0.2.0/24"}`
	hostRow   = `{"duration":"4h","scope":"Range","type":"ban","value":"192.0.2.1/24"}`
	usualHost = `{"duration":"4h","scope":"Ip","type":"ban","value":"192.0.2.1"}`
	oddHost   = `{"duration":"4h","scope":"Ip","type":"ban","value":"192.0.2.1/32"}`
)

// shorter is row with an earlier end.
func shorter(row string) string { return strings.Replace(row, "4h", "2h", 1) }

// unreadable is row without an end.
func unreadable(row string) string { return strings.Replace(row, "4h", "soon", 1) }

func added(rows ...string) string   { return `{"new":[` + strings.Join(rows, ",") + `]}` }
func deleted(rows ...string) string { return `{"deleted":[` + strings.Join(rows, ",") + `]}` }

// both is an answer with the deleted rows in front, as the API orders them.
func both(gone, come string) string { return `{"deleted":[` + gone + `],"new":[` + come + `]}` }

// A list's range that is the only row of its decision is let in when the API deletes it.
// If there may be another row, the decision stays until a full answer.
func TestTheOnlySpellingOfARangeIsDeletedAtOnce(t *testing.T) {
	for _, row := range []struct {
		name    string
		answers []string // the first is a full one
		want    lookup.Action
		left    time.Duration // of a ban
	}{
		{"in the full answer", []string{added(listRow), deleted(listRow)}, lookup.None, 0},
		{"in a delta", []string{added(), added(listRow), deleted(listRow)}, lookup.None, 0},
		{"announced again", []string{added(listRow), added(listRow), deleted(listRow)}, lookup.None, 0},
		{"deleted twice", []string{added(listRow), deleted(listRow), deleted(listRow)}, lookup.None, 0},
		{"with host bits", []string{added(hostRow), deleted(hostRow)}, lookup.None, 0},
		{"the usual one after it ended", []string{added(listRow), deleted(listRow), added(usualRow), deleted(usualRow)}, lookup.None, 0},
		{"after the usual one ended", []string{added(usualRow), deleted(usualRow), added(listRow), deleted(listRow)}, lookup.None, 0},
		{"ended and back", []string{added(listRow), both(listRow, shorter(listRow))}, lookup.Ban, 2 * time.Hour},
		{"ended, back and ended", []string{added(listRow), both(listRow, shorter(listRow)), deleted(listRow)}, lookup.None, 0},
		{"back before it ended", []string{added(listRow), `{"new":[` + shorter(listRow) + `],"deleted":[` + listRow + `]}`}, lookup.Ban, 2 * time.Hour},
		{"replaced by a longer usual one", []string{added(shorter(listRow)), both(shorter(listRow), usualRow)}, lookup.Ban, 4 * time.Hour},

		{"after the usual one", []string{added(usualRow, listRow), deleted(listRow)}, lookup.Ban, 4 * time.Hour},
		{"before the usual one", []string{added(listRow, usualRow), deleted(listRow)}, lookup.Ban, 4 * time.Hour},
		{"the usual one in a delta", []string{added(listRow), added(usualRow), deleted(listRow)}, lookup.Ban, 4 * time.Hour},
		{"in a delta after the usual one", []string{added(), added(usualRow, listRow), deleted(listRow)}, lookup.Ban, 4 * time.Hour},
		{"the usual one in an earlier delta", []string{added(), added(usualRow), added(listRow), deleted(listRow)}, lookup.Ban, 4 * time.Hour},
		{"the usual one is deleted", []string{added(listRow, usualRow), deleted(usualRow)}, lookup.Ban, 4 * time.Hour},
		{"a usual one that never was", []string{added(listRow), deleted(usualRow)}, lookup.Ban, 4 * time.Hour},
		{"replaced by a shorter usual one", []string{added(listRow), both(listRow, shorter(usualRow))}, lookup.Ban, 4 * time.Hour},
		{"replaced by another", []string{added(listRow), both(listRow, shorter(hostRow))}, lookup.Ban, 4 * time.Hour},
		{"in place of a longer usual one", []string{added(usualRow), both(usualRow, shorter(listRow))}, lookup.Ban, 4 * time.Hour},
		{"an address in place of a longer usual one", []string{added(usualHost), both(usualHost, shorter(oddHost))}, lookup.Ban, 4 * time.Hour},
		{"beside a usual one with an unreadable end", []string{added(listRow, unreadable(usualRow)), deleted(listRow)}, lookup.Ban, 4 * time.Hour},
		{"another beside it", []string{added(listRow, hostRow), deleted(listRow)}, lookup.Ban, 4 * time.Hour},
		{"another in a delta", []string{added(listRow), added(hostRow), deleted(listRow)}, lookup.Ban, 4 * time.Hour},
		{"another, deleted, that never was", []string{added(listRow), deleted(hostRow)}, lookup.Ban, 4 * time.Hour},
		{"a shorter usual one does not shorten", []string{added(listRow), added(shorter(usualRow))}, lookup.Ban, 4 * time.Hour},
		{"an address of its own", []string{added(oddHost), deleted(oddHost)}, lookup.Ban, 4 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			play(t, func(s *scene) {
				for _, a := range row.answers {
					s.Inject(lapitest.Raw(a))
				}
				s.run()
				for range row.answers[1:] {
					s.poll()
				}
				s.want("192.0.2.1", row.want)
				d, _ := s.table.Lookup(addr("192.0.2.1"))
				if left := time.Until(d.Until).Round(time.Hour); row.want == lookup.Ban && left != row.left {
					t.Errorf("%v left, want %v", left, row.left)
				}
			})
		})
	}
}

// A row on an allowlist is not in the table, but it is at the API, and the allowlist may
// end before it.
func TestAnAllowedRowHidesNoSpelling(t *testing.T) {
	playAllowed(t, func(s *scene) {
		end := time.Now().Add(15 * time.Second).UTC().Format(time.RFC3339)
		s.InjectWhen(lapitest.Path(allowlistsPath), -1, lapitest.Raw(
			`[{"name":"a","items":[{"value":"192.0.2.0/24","expiration":"`+end+`"}]}]`))
		for _, a := range []string{added(usualRow), `{}`, added(listRow), deleted(listRow)} {
			s.Inject(lapitest.Raw(a))
		}
		s.run()
		s.after(3 * interval)
		s.want("192.0.2.1", lookup.Ban)
		s.poll()
		s.want("192.0.2.1", lookup.Ban)
	})
}

// Much that ends at once, or that is not enforced, is left to a full answer: the parts
// that come in its place count as new for the limit of coverage.
func TestWideRangesAreLeftToAFullAnswer(t *testing.T) {
	six := func(scope, left string) string {
		return `{"duration":"` + left + `","scope":"` + scope + `","type":"ban","value":"60.0.0.0/6"}`
	}
	seven := func(value, left string) string {
		return `{"duration":"` + left + `","scope":"Range","type":"ban","value":"` + value + `"}`
	}
	const list7 = `{"duration":"4h","scope":"Ip","type":"ban","value":"60.0.0.0/7"}`
	for _, row := range []struct {
		name    string
		answers []string
	}{
		{"split", []string{added(usualHost, six("Ip", "4h")), both(six("Ip", "4h"), seven("60.0.0.0/8", "4h")+","+seven("61.0.0.0/8", "4h")+","+seven("62.0.0.0/7", "4h"))}},
		{"replaced", []string{added(usualHost, six("Ip", "4h")), both(six("Ip", "4h"), six("Range", "8h"))}},
		{"replaced by a shorter one", []string{added(usualHost, six("Ip", "4h")), both(six("Ip", "4h"), six("Range", "2h"))}},
		{"beside one that is not enforced", []string{
			added(usualHost, list7), both(list7, seven("60.0.0.1/7", "8h")+","+seven("32.0.0.0/8", "9h")),
			added(seven("60.0.0.0/7", "9h")), deleted(seven("60.0.0.0/7", "9h")),
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			play(t, func(s *scene) {
				for _, a := range row.answers {
					s.Inject(lapitest.Raw(a))
				}
				s.run()
				s.after(time.Duration(len(row.answers)-1) * interval)
				for _, ip := range []string{"60.0.0.1", "61.0.0.1"} {
					s.want(ip, lookup.Ban)
				}
			})
		})
	}
}

// With a coverage of 0.05, a hundredth of all addresses may be new at once.
func TestAnAnswerFreesATenthOfWhatMayBeNew(t *testing.T) {
	a := &answer{f: &follower{Client: &Client{cfg: Config{Coverage: 0.05}}}}
	for i, want := range []bool{true, true, false} { // 1/1000 of all addresses
		if got := a.free(identity{prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(10 + i)}), 11)}); got != want {
			t.Errorf("/11 number %d: %v", i, got)
		}
	}
	for bits, want := range map[int]bool{13: false, 22: false, 23: true, 32: true} { // a /13 of IPv6 counts as all addresses
		a.freed = 0
		if got := a.free(identity{prefix: netip.PrefixFrom(addr("2001:db8::"), bits)}); got != want {
			t.Errorf("IPv6 /%d: %v", bits, got)
		}
	}
}

// The deletion of a list's ranges is no reason to read all decisions again.
func TestTheOnlySpellingOfARangeNeedsNoFullAnswer(t *testing.T) {
	play(t, func(s *scene) {
		var ids []int64
		for i := range 20 {
			ids = append(ids, s.Add(lapitest.Decision{Value: fmt.Sprintf("192.0.%d.0/24", i), Scope: "Ip", Origin: "lists"})...)
		}
		s.run()
		for i, id := range ids {
			s.after(time.Second)
			s.DeleteID(id)
			s.poll()
			s.want(fmt.Sprintf("192.0.%d.1", i), lookup.None)
		}
		if n := s.fullPulls(); n != 1 {
			t.Errorf("%d full answers, want 1", n)
		}
	})
}

// Whatever rows come and go, no client that the API bans is let in, and the table agrees
// with the API after a full answer at the latest.
func TestNoSpellingHidesAnother(t *testing.T) {
	spelled := []lapitest.Decision{
		{Value: "192.0.2.0/24", Scope: "Range", Type: "ban"},
		{Value: "192.0.2.0/24", Scope: "Ip", Type: "ban", Origin: "lists"},
		{Value: "192.0.2.1/24", Scope: "Range", Type: "ban"},
		{Value: "192.0.2.0/24", Scope: "Range", Type: "Ban"},
	}
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		play(t, func(s *scene) {
			type live struct {
				id    int64
				until time.Time
			}
			rows := make([]live, len(spelled)) // the last row of each spelling
			free := time.Now()                 // since then the API has no row
			s.run()
			for step := range 150 {
				s.after(time.Second)
				for i := range spelled {
					switch alive := rows[i].until.After(time.Now()); rnd.IntN(12) {
					case 0: // a later row of the same spelling always ends later
						d := spelled[i]
						d.Duration = 3 * time.Minute
						rows[i] = live{s.Add(d)[0], time.Now().Add(d.Duration)}
					case 1, 2, 3:
						if alive && s.Delete(spelled[i].Value, spelled[i].Type) > 0 {
							for j := range spelled {
								if spelled[j].Value == spelled[i].Value && spelled[j].Type == spelled[i].Type {
									rows[j].until = time.Now()
								}
							}
						}
					}
				}
				s.poll()
				banned := false
				for _, r := range rows {
					banned = banned || r.until.After(time.Now())
				}
				got, _ := s.table.Lookup(addr("192.0.2.9"))
				switch {
				case banned:
					free = time.Time{}
					if got.Action != lookup.Ban {
						t.Fatalf("seed %d, step %d: let in, and the API bans", seed, step)
					}
				case free.IsZero():
					free = time.Now()
				case time.Since(free) > 2*time.Minute && got.Action != lookup.None:
					t.Fatalf("seed %d, step %d: banned, and the API has had no row for %v", seed, step, time.Since(free))
				}
			}
		})
	}
}

// A range that was announced is always known. Beyond the limit all are.
func TestRangesBeyondTheLimitMayHaveAnotherSpelling(t *testing.T) {
	var u usualRanges
	if u.mayHave(1) {
		t.Error("an empty set has a range")
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	all := make([]uint64, 131_072)
	for i := range all {
		all[i] = rnd.Uint64()
		u.add(all[i])
	}
	for _, hash := range all {
		if !u.mayHave(hash) {
			t.Fatal("a range is missing")
		}
	}
	wrong := 0
	for range 100_000 {
		if u.mayHave(rnd.Uint64()) {
			wrong++
		}
	}
	if wrong > 120 {
		t.Errorf("%d of 100000 others are taken for known", wrong)
	}
	u.add(1)
	if !u.mayHave(200_000) {
		t.Error("131073 fit")
	}
	u.reset()
	if u.mayHave(all[0]) {
		t.Error("a range is there after the reset")
	}
}
