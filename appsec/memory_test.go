package appsec

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

// A stalling body delivers some data at once, and then nothing until Close.
type stalling struct {
	io.Reader
	once sync.Once
	stop chan struct{}
}

func stall(data string) *stalling {
	return &stalling{Reader: strings.NewReader(data), stop: make(chan struct{})}
}

func (s *stalling) Read(p []byte) (int, error) {
	if n, err := s.Reader.Read(p); err == nil {
		return n, nil
	}
	<-s.stop
	return 0, http.ErrBodyReadAfterClose
}

func (s *stalling) Close() error {
	s.once.Do(func() { close(s.stop) })
	return nil
}

// hold inspects uploads of clients in the background. The returned function ends them
// and counts the reasons of their verdicts.
func hold(c *Client, uploads map[netip.Addr][]io.Reader) (end func() map[string]int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	said, bodies := map[string]int{}, []io.Closer{}
	for client, all := range uploads {
		for _, src := range all {
			r := upload(src)
			bodies = append(bodies, r.Body)
			wg.Go(func() {
				v, err := c.Inspect(r, inspect.Details{Client: client})
				mu.Lock()
				defer mu.Unlock()
				said[fmt.Sprintf("%d %s %v", v.Status, v.Reason, err)]++
				v.Release()
			})
		}
	}
	return func() map[string]int {
		for _, b := range bodies {
			_ = b.Close()
		}
		wg.Wait()
		return said
	}
}

// ofMany returns n uploads, each from next, of that many networks.
func ofMany(n, networks int, next func() io.Reader) map[netip.Addr][]io.Reader {
	all := map[netip.Addr][]io.Reader{}
	for i := range n {
		client := netip.AddrFrom4([4]byte{203, byte(i % networks >> 8), byte(i % networks), 7})
		all[client] = append(all[client], next())
	}
	return all
}

// Stalled uploads of one client or of many leave memory for others: an attack in
// another client's body is still inspected.
func TestStalledUploadsLeaveRoomForOthers(t *testing.T) {
	const size = 256<<10 + 1
	for _, row := range []struct {
		name              string
		uploads, networks int
		memory            int64
	}{
		{"262 of one client", 262, 1, 1 << 28},
		{"262 of 262 networks", 262, 262, 1 << 28},
		{"262 of 7 networks, in little memory", 262, 7, 16 << 20},
	} {
		for _, whose := range []string{"198.51.100.9", "203.0.0.9"} { // of another network, and of one with stalled uploads
			t.Run(row.name+", and "+whose, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newClient(t, Config{URL: "http://h", BodyMemory: row.memory})
					heard := listen(c)
					end := hold(c, ofMany(row.uploads, row.networks, func() io.Reader { return stall(strings.Repeat("x", size)) }))
					synctest.Wait()
					if n := c.Stats().BodyMemory; n > row.memory {
						t.Errorf("%d bytes held", n)
					}
					attack := strings.Repeat("y", 500<<10) + "evil"
					r := upload(strings.NewReader(attack))
					v := judge(t, c, r, inspect.Details{Client: netip.MustParseAddr(whose)})
					if refused := v.Status == 503 && whose == "203.0.0.9"; !refused && (heard() != attack || v != (inspect.Verdict{})) {
						t.Errorf("AppSec has seen %d bytes of %d; %+v", len(heard()), len(attack), v)
					}
					r.Body.Close()
					end()
					synctest.Wait()
					if n := c.Stats().BodyMemory; n != 0 {
						t.Errorf("%d bytes kept", n)
					}
				})
			})
		}
	}
}

// The uploads of a network that exceed its share wait for each other, and all arrive.
func TestUploadsOfOneNetworkTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit, memory, uploads = 256 << 10, 16 * 256 << 10, 40
		c := newClient(t, Config{URL: "http://h", BodyLimit: limit, BodyMemory: memory, BodyTimeout: 5 * time.Minute})
		text := strings.Repeat("x", limit)
		c.wire = &allowing{func(q *question) {
			if got := string(bytes.Join(q.body, nil)); got != text {
				t.Errorf("AppSec has seen %d bytes", len(got))
			}
			<-time.After(100 * time.Millisecond)
		}}
		said := hold(c, ofMany(uploads, 1, func() io.Reader { return &trickle{rest: text} }))()
		if want := map[string]int{"0  <nil>": uploads}; fmt.Sprint(said) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", said, want)
		}
	})
}

// A trickle is a body that arrives steadily, 64 KiB a second. Close does nothing.
type trickle struct{ rest string }

func (s *trickle) Read(p []byte) (int, error) {
	if s.rest == "" {
		return 0, io.EOF
	}
	<-time.After(time.Second / 16)
	n := copy(p[:min(len(p), 4<<10)], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func TestMemoryForBodiesIsBounded(t *testing.T) {
	const limit = 64 << 10
	long := strings.Repeat("x", limit)
	other := netip.MustParseAddr("198.51.100.9")
	for _, row := range []struct {
		name   string
		memory int64
		over   lookup.Action
		second netip.Addr
		want   inspect.Verdict
		skip   Skip
	}{
		{"of all, and it may pass", 69_632, lookup.None, other, inspect.Verdict{}, NoRoom},
		{"of all, and it may not", 69_632, lookup.Ban, other, inspect.Verdict{Action: lookup.Ban, Status: 503, Reason: "no memory for the body", Close: true}, NoRoom},
		{
			"of a network, whose own doing it is", 139_264, lookup.None, visitor,
			inspect.Verdict{Action: lookup.Ban, Status: 503, Reason: "too many bodies of one network at once", Close: true},
			NoShare,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, Config{URL: "http://h", BodyLimit: limit, BodyMemory: row.memory, BodyOver: row.over})
				heard := listen(c)
				first := upload(strings.NewReader(long))
				if v := judge(t, c, first, inspect.Details{Client: visitor}); v != (inspect.Verdict{}) || heard() != long {
					t.Fatalf("one body finds room: %+v", v)
				}
				second := upload(strings.NewReader(long))
				began := time.Now()
				v := judge(t, c, second, inspect.Details{Client: row.second})
				s := c.Stats()
				if s.BodyMemory > row.memory || v != row.want || time.Since(began) != 10*time.Second {
					t.Errorf("%d bytes, %+v after %v", s.BodyMemory, v, time.Since(began))
				}
				if row.want == (inspect.Verdict{}) {
					if s.Skipped[row.skip] != 1 || !strings.HasPrefix(long, heard()) {
						t.Errorf("%+v", s)
					}
					if got, err := io.ReadAll(second.Body); string(got) != long || err != nil {
						t.Errorf("the site got %d bytes, %v", len(got), err)
					}
				} else if s.Refused[row.skip] != 1 {
					t.Errorf("%+v", s)
				}
				first.Body.Close()
				second.Body.Close()
				second.Body.Close()
				if n := c.Stats().BodyMemory; n != 0 {
					t.Errorf("%d bytes kept", n)
				}
			})
		})
	}
}
