package inspect

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

var network = NetworkOf(netip.MustParseAddr("203.0.113.1"))

// A source counts what is read of it.
type source struct {
	io.Reader
	read int
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.read += n
	return n, err
}

func upload(body io.Reader) *http.Request {
	r := httptest.NewRequest("POST", "/", body)
	r.ContentLength = -1
	return r
}

// begin has an inspector with this limit look at r, and returns what it sees.
func begin(t *testing.T, p *Bodies, r *http.Request, limit int) (string, Cut) {
	t.Helper()
	_, part, err := p.Begin(r, network, limit, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	seen := string(bytes.Join(part.Bytes, nil))
	if len(seen) != part.Size {
		t.Errorf("%d bytes, and the size is %d", len(seen), part.Size)
	}
	return seen, part.Cut
}

func TestInspectorsShareABody(t *testing.T) {
	tests := []struct {
		name          string
		first, second int
		sees          string // the second inspector
		cut           Cut
		read          int // of the source, by both
		ofSecond      int64
	}{
		{"the same limit", 6, 6, "012345", TooLong, 7, 0},
		{"a lower limit", 6, 4, "0123", TooLong, 7, 0},
		{"a higher limit", 4, 6, "012345", TooLong, 7, 0}, // the first piece has room for both
		{"all of it", 4, 20, "0123456789", Whole, 10, 0},
		{"all of it for both", 20, 20, "0123456789", Whole, 10, 0},
		{"just all of it", 9, 10, "0123456789", Whole, 10, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first, second := NewBodies(tt.first, 1<<20), NewBodies(tt.second, 1<<20)
			src := &source{Reader: strings.NewReader("0123456789")}
			r := upload(src)
			begin(t, first, r, tt.first)
			sees, cut := begin(t, second, r, tt.second)
			if sees != tt.sees || cut != tt.cut || src.read != tt.read {
				t.Errorf("the second sees %q, %v, after %d bytes; want %q, %v, %d", sees, cut, src.read, tt.sees, tt.cut, tt.read)
			}
			if n := second.InUse(); n != tt.ofSecond {
				t.Errorf("the second uses %d bytes; want %d", n, tt.ofSecond)
			}
			got, err := io.ReadAll(r.Body)
			if string(got) != "0123456789" || err != nil {
				t.Errorf("the site reads %q, %v", got, err)
			}
			r.Body.(*Body).Release()
			if first.InUse() != 0 || second.InUse() != 0 {
				t.Errorf("%d and %d bytes kept", first.InUse(), second.InUse())
			}
		})
	}
}

// Each inspector pays for what is read for it alone.
func TestTheMemoryOfAHigherLimitIsThatOfItsInspector(t *testing.T) {
	first, second := NewBodies(4096, 1<<20), NewBodies(100_000, 1<<20)
	r := upload(strings.NewReader(strings.Repeat("x", 80_000)))
	begin(t, first, r, 4096)
	if n := first.InUse(); n != 4096+32768 { // one byte is in the second piece
		t.Errorf("the first uses %d bytes", n)
	}
	if seen, cut := begin(t, second, r, 100_000); len(seen) != 80_000 || cut != Whole {
		t.Errorf("%d bytes, %v", len(seen), cut)
	}
	if f, s := first.InUse(), second.InUse(); f != 4096+32768 || s != 2*32768 {
		t.Errorf("%d and %d bytes", f, s)
	}
	r.Body.(*Body).Release()
	if f, s := first.InUse(), second.InUse(); f != 0 || s != 0 || len(first.networks) != 0 || len(second.networks) != 0 {
		t.Errorf("%d and %d bytes kept, %d and %d networks", f, s, len(first.networks), len(second.networks))
	}
}

// The second inspector does not wait once more for a client that was too slow for the
// first, and the site still gets all.
func TestASlowBodyIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := io.Pipe()
		var sender sync.WaitGroup
		sender.Go(func() {
			_, _ = io.WriteString(to, "begin")
			<-time.After(time.Minute)
			_, _ = io.WriteString(to, "end")
			_ = to.Close()
		})
		first, second := NewBodies(100, 1<<20), NewBodies(1000, 1<<20)
		r, began := upload(from), time.Now()
		for _, p := range []*Bodies{first, second} {
			if seen, cut := begin(t, p, r, 1000); seen != "begin" || cut != TooSlow {
				t.Errorf("%q, %v", seen, cut)
			}
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("it took %v", took)
		}
		if got, err := io.ReadAll(r.Body); string(got) != "beginend" || err != nil {
			t.Errorf("the site reads %q, %v", got, err)
		}
		sender.Wait()
	})
}

func TestABodyThatBreaksOffForTheSecondInspector(t *testing.T) {
	first, second := NewBodies(4, 1<<20), NewBodies(100, 1<<20)
	gone := errors.New("gone")
	r := upload(io.MultiReader(strings.NewReader("012345"), iotest.ErrReader(gone)))
	begin(t, first, r, 4)
	if _, _, err := second.Begin(r, network, 100, time.Second); !errors.Is(err, ErrBody) || !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	if n := first.InUse(); n != 0 {
		t.Errorf("%d bytes kept", n)
	}
}

// All inspectors see the start of the body, whatever their limits, and the site reads all
// of it.
func FuzzInspectors(f *testing.F) {
	f.Add(uint64(1), uint32(10), uint32(5), uint32(20), uint32(7))
	f.Add(uint64(2), uint32(100_000), uint32(4096), uint32(70_000), uint32(200_000))
	f.Add(uint64(3), uint32(36_864), uint32(4095), uint32(36_863), uint32(36_864))
	f.Fuzz(func(t *testing.T, seed uint64, size, a, b, c uint32) {
		rng := rand.New(rand.NewPCG(seed, 0))
		sent := make([]byte, size%300_000)
		for i := range sent {
			sent[i] = byte(rng.Uint32())
		}
		r := upload(iotest.HalfReader(bytes.NewReader(sent)))
		var all []*Bodies
		for _, n := range []uint32{a, b, c} {
			limit := int(n%200_000) + 1
			p := NewBodies(limit, 1)
			all = append(all, p)
			seen, cut := begin(t, p, r, limit)
			if want := sent[:min(len(sent), limit)]; seen != string(want) || (cut == Whole) != (len(sent) <= limit) {
				t.Fatalf("limit %d: %d bytes of %d, %v", limit, len(seen), len(sent), cut)
			}
		}
		if got, err := io.ReadAll(iotest.HalfReader(r.Body)); !bytes.Equal(got, sent) || err != nil {
			t.Fatalf("the site reads %d bytes of %d, %v", len(got), len(sent), err)
		}
		r.Body.Close()
		for i, p := range all {
			if n := p.InUse(); n != 0 {
				t.Fatalf("%d bytes kept for inspector %d", n, i)
			}
		}
	})
}

// stalling has some data at once, and then nothing until it is closed.
type stalling struct {
	io.Reader
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
	close(s.stop)
	return nil
}

// A body that was cut because its network had no more memory is no slow one, whatever
// else happens in the same moment: the goroutine that reads it may see first that it
// was cut.
func TestABodyCutForWantOfRoom(t *testing.T) {
	for name, row := range map[string]struct {
		cut  func(p *Bodies, b *Body)
		want Cut
	}{
		"time is up": {func(p *Bodies, b *Body) { p.rest(b) }, NoShare},
		"evicted": {func(p *Bodies, b *Body) {
			p.rest(b)
			close(b.evicted)
		}, Evicted},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := NewBodies(64<<10-1, 64<<10)
				other := newBody(stall(strings.Repeat("x", 64<<10)), p, network, 64<<10)
				go other.fill()
				synctest.Wait()
				b := newBody(stall(strings.Repeat("y", 64<<10)), p, network, 64<<10)
				if space, wait := b.free(); space != nil || !wait {
					t.Fatalf("there is room for %d bytes; want none for now", len(space))
				}
				row.cut(p, b)
				b.ahead(time.Minute) // the body asks for room once more
				if part, err := b.part(64 << 10); err != nil || part.Cut != row.want {
					t.Errorf("%v, %v; want %v", part.Cut, err, row.want)
				}
				b.Release()
				_ = other.src.Close()
				other.Release()
			})
		})
	}
}
