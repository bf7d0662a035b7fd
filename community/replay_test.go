package community_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/database"
	"github.com/tocsin-project/tocsin/consensus"
)

// live lets a crowd report for some days, and returns what is left of the log.
func (w *town) live(seed uint64, days int) []community.Report {
	w.t.Helper()
	rnd := rand.New(rand.NewPCG(seed, seed))
	members := w.members(60)
	w.must(w.RenewStandings(w.t.Context()))
	for range days * 24 {
		for range 6 {
			var units []consensus.Unit
			for range 1 + rnd.IntN(5) {
				units = append(units, nth(rnd.IntN(40)))
			}
			scenario := []string{exploit, brute, "own/thing", "crowdsecurity/http-probing"}[rnd.IntN(4)]
			w.signal(members[rnd.IntN(len(members))], scenario, units...)
			w.pass(10 * time.Minute)
		}
		w.must(w.JudgeDue(w.t.Context()))
	}
	var log []community.Report
	w.must(w.store.View(w.t.Context(), func(tx community.ReadTx) (err error) {
		log, err = tx.ReportsAfter(0, 1_000_000)
		return err
	}))
	return log
}

func TestAReplayOfTheLogGivesTheSameList(t *testing.T) { // P20
	w := found(t, nil)
	log := w.live(1, 6)
	if len(log) < 500 || len(w.List().Entries) < 5 {
		t.Fatalf("%d reports, %d entries: too little to compare", len(log), len(w.List().Entries))
	}
	w.compare(found(t, nil), log)
}

func TestAReplayIntoADatabaseGivesTheSameList(t *testing.T) { // P20
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "community.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	w := found(t, nil)
	log := w.live(3, 2)
	again := found(t, func(c *community.Config) { c.Store = db })
	w.compare(again, log)
	// And a server that starts with this database.
	c := again.open()
	if _, err := c.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text(t, c.List()) != text(t, again.List()) {
		t.Error("after a restart the list is another")
	}
	if _, err := c.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
}

// compare replays a log, as of the times at which the reports arrived, and compares what
// follows from it.
func (w *town) compare(again *town, log []community.Report) {
	w.t.Helper()
	again.members(60)
	again.must(again.RenewStandings(w.t.Context()))
	byID := map[consensus.MemberID]community.Caller{}
	for _, m := range again.crowd {
		byID[m.ID] = m
	}
	turnTo := func(at time.Time) { again.pass(at.Sub(again.clock.now())) }
	hour := begin.Add(time.Hour)
	for _, r := range log {
		for ; !hour.After(r.Arrived); hour = hour.Add(time.Hour) {
			turnTo(hour)
			again.must(again.JudgeDue(w.t.Context()))
		}
		turnTo(r.Arrived)
		_, err := again.Accept(w.t.Context(), byID[r.Member], []community.Signal{{Unit: r.Unit, Scenario: r.Scenario, Hash: r.Hash, First: r.First, Last: r.Last, Count: 1 << r.Bucket, Flags: r.Flags}})
		again.must(err)
	}
	turnTo(w.clock.now())
	again.must(again.JudgeDue(w.t.Context()))
	live, replayed := records(w.t, w.cfg.Store), records(w.t, again.cfg.Store)
	if len(live) != len(replayed) {
		w.t.Fatalf("%d records; want %d", len(replayed), len(live))
	}
	for i := range live {
		if got, want := text(w.t, replayed[i].Verdict), text(w.t, live[i].Verdict); got != want {
			w.t.Fatalf("%v: %s; want %s", live[i].Unit, got, want)
		}
	}
	if got, want := text(w.t, again.List().Entries), text(w.t, w.List().Entries); got != want {
		w.t.Errorf("list: %s; want %s", got, want)
	}
}

func TestTheListIsWhatTheChangesSay(t *testing.T) {
	w := found(t, nil)
	w.live(2, 4)
	have := map[consensus.Unit]community.Listing{}
	for _, c := range w.changes() {
		if c.Was != have[c.Unit].Action {
			t.Fatalf("change %d: it was %v; want %v", c.Seq, c.Was, have[c.Unit].Action)
		}
		if c.Action == consensus.Allow {
			delete(have, c.Unit)
		} else {
			have[c.Unit] = c.Listing
		}
	}
	list := w.List()
	if len(list.Entries) != len(have) || len(have) < 5 {
		t.Fatalf("the list has %d entries; the changes say %d", len(list.Entries), len(have))
	}
	if !slices.IsSortedFunc(list.Entries, func(a, b community.Listing) int { return int(b.Surety - a.Surety) }) {
		t.Error("the list is not in the order of surety")
	}
	for _, e := range list.Entries {
		h := have[e.Unit]
		if got, found := list.Get(e.Unit); !found || got != e {
			t.Errorf("Get(%v): %+v, %v", e.Unit, got, found)
		}
		if h.Action != e.Action || !h.Until.Equal(e.Until) {
			t.Errorf("%+v; the changes say %+v", e, h)
		}
		r := w.recordOf(e.Unit)
		if late := r.Verdict.Expires.Sub(e.Until); late.Abs() >= 15*time.Minute {
			t.Errorf("%v: readers are told an end that is off by %v", e.Unit, late)
		}
	}
}

func (w *town) recordOf(u consensus.Unit) (r community.Record) {
	w.t.Helper()
	w.must(w.store.View(w.t.Context(), func(tx community.ReadTx) (err error) {
		r, err = tx.Record(u)
		return err
	}))
	return r
}

func TestOldListsDoNotChange(t *testing.T) {
	w := found(t, nil)
	members := w.vouched(12)
	var lists []*community.List
	var texts []string
	for i := range 12 {
		w.report(members[i%12], nth(i))
		w.report(members[(i+5)%12], nth(i))
		lists = append(lists, w.List())
		texts = append(texts, text(t, w.List()))
	}
	w.must(w.Delist(t.Context(), "root", nth(3), "a mistake"))
	for i, l := range lists {
		if text(t, l) != texts[i] {
			t.Errorf("list %d has changed", i)
		}
	}
	last := w.List()
	if lists[11] == last {
		t.Error("the list is the same, though it has changed")
	}
	if last != w.List() {
		t.Error("the list is made again, though nothing has changed")
	}
}

func TestManyAtOnce(t *testing.T) {
	w := found(t, nil)
	members := w.members(60)
	w.must(w.RenewStandings(t.Context()))
	w.cfg.Store = w.store.Open()
	servers := []*community.Centre{w.Centre, w.open()}
	var all sync.WaitGroup
	for i, m := range members[:12] {
		all.Go(func() {
			c := servers[i%2]
			for k := range 10 {
				// Each unit has four reporters.
				u := nth((i + k*12) / 4 * 4)
				if _, err := c.Accept(t.Context(), m, []community.Signal{{Unit: u, Scenario: exploit, Last: begin}}); err != nil {
					t.Error(err)
				}
				c.List().Get(u)
				if _, err := c.Explain(t.Context(), u, true); err != nil {
					t.Error(err)
				}
				if _, err := c.Questions(t.Context(), m); err != nil {
					t.Error(err)
				}
				c.Health(t.Context())
			}
		})
	}
	all.Go(func() {
		for range 5 {
			if err := servers[1].RenewStandings(t.Context()); err != nil {
				t.Error(err)
			}
			if _, _, err := servers[0].Appeal(t.Context(), community.AppealRequest{Unit: unit("192.0.2.1"), Proven: true}); err != nil {
				var many community.TooManyError
				if !strings.Contains(fmt.Sprint(err), many.Error()[:8]) {
					t.Error(err)
				}
			}
		}
	})
	all.Wait()
	for _, c := range servers {
		if _, err := c.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := text(t, servers[0].List()), text(t, servers[1].List()); a != b {
		t.Errorf("the servers' lists differ:\n%s\n%s", a, b)
	}
	for i, c := range w.changes() {
		if c.Seq != uint64(i+1) {
			t.Fatalf("change %d has the number %d", i+1, c.Seq)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	w := found(t, nil)
	for i := range 60_000 { // strangers from everywhere
		ip := netip.AddrFrom4([4]byte{byte(1 + i>>16), byte(i >> 8), byte(i), 1})
		_, _ = w.Key(t.Context(), "wrong", ip)
		_, _, _ = w.Join(t.Context(), "wrong", "", "1", ip)
	}
	members := w.members(12)
	for i := range 300 {
		for k := range 3 {
			w.report(members[(i*5+k*(1+i%3))%12], nth(i))
		}
		w.must(w.Read(t.Context(), fmt.Sprint("reader", i%7), 1))
	}
	for name, most := range map[string]int{
		"failures": 20_001, "joins": 20_001, "rates": 12, "logins": 0, "passwords": 0, "cursors": 7, "reporters": 300, "listed": 300, "watched": 300,
	} {
		if n := w.Sizes()[name]; n > most {
			t.Errorf("%s: %d; want %d at most", name, n, most)
		}
	}
	// What is over leaves memory.
	w.pass(15 * 24 * time.Hour)
	for range 3 {
		w.must(w.JudgeDue(t.Context()))
		w.pass(15 * 24 * time.Hour)
	}
	w.List()
	for _, name := range []string{"reporters", "listed by", "listed", "changed", "watched", "backlog"} {
		if n := w.Sizes()[name]; n > 0 {
			t.Errorf("%s: %d are left of what is over", name, n)
		}
	}
}
