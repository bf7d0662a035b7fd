//go:build linux

package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/database"
	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/internal/postgrestest"
)

// soon is when a change at one server is to be in the stream of the other.
const soon = 5 * time.Second

// Twins are two centres with one database.
type twins struct {
	t       *testing.T
	servers [2]*centre
	url     string // of the database
}

func newTwins(t *testing.T) *twins {
	t.Helper()
	w := &twins{t: t, url: postgrestest.New(t).URL("postgres")}
	options := fmt.Sprintf("\n\t\tdatabase %s\n\t\tsecret   %s/community.secret", w.url, t.TempDir())
	for i := range w.servers {
		w.servers[i] = newCentreWith(t, options, map[string]string{})
	}
	return w
}

// A twinMember is an account with a door to each of the servers.
type twinMember struct {
	membership
	doors [2]string
}

// join makes a member at one server.
func (w *twins) join(role string) twinMember {
	w.t.Helper()
	m := twinMember{membership: w.servers[0].join(role, true)}
	from := netip.AddrFrom4([4]byte{9, byte(w.servers[0].members), 1, 1}) // as join has it
	m.doors = [2]string{m.url, w.servers[1].door(from)}
	return m
}

// at returns the member as it is known at one of the servers.
func (m twinMember) at(server int) membership {
	return membership{url: m.doors[server], login: m.login, key: m.key}
}

// A stream reads the list of one server as bouncers do.
type stream struct {
	t        *testing.T
	url, key string
	new, old []string // values, in the order in which they came
}

// read reads what has changed, or the whole list.
func (s *stream) read(whole bool) error {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, fmt.Sprintf("%s/v1/decisions/stream?startup=%t", s.url, whole), http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("X-Api-Key", s.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct{ New, Deleted []struct{ Value string } }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	for _, d := range answer.New {
		s.new = append(s.new, d.Value)
	}
	for _, d := range answer.Deleted {
		s.old = append(s.old, d.Value)
	}
	return nil
}

// waitFor reads until a value has come. It fails if that takes too long.
func (s *stream) waitFor(what string, values *[]string, value string) {
	s.t.Helper()
	begun := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		err := s.read(false)
		if slices.Contains(*values, value) {
			s.t.Logf("%s: %s", what, time.Since(begun).Round(time.Millisecond))
			return
		}
		if time.Since(begun) > soon {
			s.t.Fatalf("%s: not within %s (%v); got %q", what, soon, err, *values)
		}
	}
}

// Two servers with one PostgreSQL are one centre, and either may be killed.
func TestTwoCentresWithOneDatabase(t *testing.T) {
	t.Parallel()
	const attacker = "198.51.100.66"
	w := newTwins(t)
	var members []twinMember
	for range 6 {
		members = append(members, w.join("member"))
	}
	reader := w.join("reader")
	var streams [2]*stream
	for i := range streams {
		streams[i] = &stream{t: t, url: reader.doors[i], key: reader.key}
		if err := streams[i].read(true); err != nil {
			t.Fatal(err)
		}
	}
	// What members say at two servers is in the streams of both.
	w.servers[0].reports(members[0].at(0), attacker)
	w.servers[1].reports(members[1].at(1), attacker)
	streams[0].waitFor("a signal at the second server in the stream of the first", &streams[0].new, attacker)
	streams[1].waitFor("and in its own", &streams[1].new, attacker)
	// An appeal at one frees the address at the other.
	w.servers[1].appeals(attacker)
	streams[0].waitFor("an appeal at the second server in the stream of the first", &streams[0].old, attacker)

	l := newLoad(w, members)
	l.run()
	l.check()
	for i, s := range streams {
		w.servers[i].wait(fmt.Sprintf("each address once in the list of server %d", i+1), func() error { return s.lists(l.addresses()) })
	}
}

// lists returns an error unless a new reader gets exactly these addresses. What the other server
// stored last takes a moment to come.
func (s *stream) lists(want []string) error {
	s.new = nil
	if err := s.read(true); err != nil {
		return err
	}
	slices.Sort(s.new)
	if !slices.Equal(s.new, want) {
		return fmt.Errorf("%d addresses: %q; want %d", len(s.new), s.new, len(want))
	}
	return nil
}

// A load is what members send while servers are killed: each address is reported by two
// members.
type load struct {
	*twins
	members []twinMember
	sends   [][]string // the addresses that a member reports
	last    time.Time  // of all signals: sent again, each is the same
	acked   atomic.Int64
}

// newLoad lets each pair of members report six addresses: more would make the two look like
// one, and more than a hundred listings in an hour have to wait for a moderator.
func newLoad(w *twins, members []twinMember) *load {
	l := &load{twins: w, members: members, sends: make([][]string, len(members)), last: time.Now().UTC().Truncate(time.Minute)}
	for n := range 6 {
		for i := range members {
			for j := range i {
				address := fmt.Sprintf("198.51.%d.%d", 101+n, 10*i+j)
				l.sends[i] = append(l.sends[i], address)
				l.sends[j] = append(l.sends[j], address)
			}
		}
	}
	return l
}

// addresses returns what is reported, sorted.
func (l *load) addresses() []string {
	all := slices.Concat(l.sends...)
	slices.Sort(all)
	return slices.Compact(all)
}

// run sends all, and kills first one server and then the other in the middle.
func (l *load) run() {
	l.t.Helper()
	var all sync.WaitGroup
	for i := range l.members {
		all.Go(func() {
			for n, address := range l.sends[i] {
				l.send(i, n, address)
			}
		})
	}
	for server, at := range []int64{20, 90} {
		l.waitForAcks(at)
		l.servers[server].kill()
		l.t.Logf("killed server %d after %d acknowledged signals", server+1, l.acked.Load())
		l.waitForAcks(at + 40)
		l.servers[server].start()
	}
	all.Wait()
	for _, c := range l.servers {
		c.waitForStart()
	}
	l.t.Logf("%d signals were acknowledged", l.acked.Load())
}

func (l *load) waitForAcks(n int64) {
	l.t.Helper()
	l.servers[0].wait(fmt.Sprint(n, " acknowledged signals"), func() error {
		if got := l.acked.Load(); got < n {
			return fmt.Errorf("%d", got)
		}
		return nil
	})
}

// send sends a signal until one of the servers acknowledges it.
func (l *load) send(member, n int, address string) {
	var err error
	for try, late := 0, time.Now().Add(2*patience); time.Now().Before(late); try++ {
		// A killed server does not answer: its socket stays open.
		client := &http.Client{Timeout: time.Duration(1+try) * 500 * time.Millisecond}
		if err = l.try(client, l.members[member].at((n+try)%2), address); err == nil {
			l.acked.Add(1)
			return
		}
	}
	l.t.Errorf("member %d, %s: %v", member, address, err)
}

func (l *load) try(client *http.Client, m membership, address string) error {
	body, err := json.Marshal(map[string]any{"signals": []map[string]any{
		{"address": address, "scenario": "crowdsecurity/http-cve-2021-41773", "first": l.last, "last": l.last, "count": 4},
	}})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, m.url+"/api/v1/signals", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+m.key)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	var answer struct{ Accepted int }
	if wrong := json.Unmarshal(text, &answer); cmp.Or(err, wrong) != nil || answer.Accepted != 1 {
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	return nil
}

// check checks in the database that each signal is there once, and each address was listed once.
func (l *load) check() {
	l.t.Helper()
	store, err := database.Open(l.t.Context(), l.url)
	if err != nil {
		l.t.Fatal(err)
	}
	defer store.Close()
	if err := store.View(l.t.Context(), l.compare); err != nil {
		l.t.Error(err)
	}
}

func (l *load) compare(tx community.ReadTx) error {
	changes, err := tx.Changes(0, 10_000)
	listed := map[consensus.Unit]int{}
	for _, c := range changes {
		if c.Was == consensus.Allow && c.Action != consensus.Allow {
			listed[c.Unit]++
		}
	}
	for _, address := range l.addresses() {
		unit := netip.PrefixFrom(netip.MustParseAddr(address), 32)
		reports, reading := tx.Reports(unit)
		if n := listed[unit]; len(reports) != 2 || n != 1 {
			err = errors.Join(err, reading, fmt.Errorf("%s: %d reports, listed %d times; want 2 reports, and listed once", address, len(reports), n))
		}
	}
	return err
}
