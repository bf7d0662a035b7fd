package appsec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

// A dripping body delivers one byte in each interval, and then ends.
type dripping struct {
	data  []byte
	pause time.Duration
	err   error
	stop  chan struct{} // closed by Close
	once  sync.Once
}

func drip(data string, pause time.Duration) *dripping {
	return &dripping{data: []byte(data), pause: pause, err: io.EOF, stop: make(chan struct{})}
}

func (d *dripping) Read(p []byte) (int, error) {
	select {
	case <-time.After(d.pause):
	case <-d.stop:
		return 0, http.ErrBodyReadAfterClose
	}
	if len(d.data) == 0 {
		return 0, d.err
	}
	p[0] = d.data[0]
	d.data = d.data[1:]
	return 1, nil
}

func (d *dripping) Close() error {
	d.once.Do(func() { close(d.stop) })
	return nil
}

// upload returns a request with a body of unknown length.
func upload(body io.Reader) *http.Request {
	r := httptest.NewRequest("POST", "/", body)
	r.ContentLength = -1
	return r
}

// listen connects c to an AppSec that allows everything, in the bubble of a test. The
// returned function gives the bodies that AppSec got.
func listen(c *Client) (heard func() string) {
	var mu sync.Mutex
	var all bytes.Buffer
	c.wire = &allowing{func(q *question) {
		mu.Lock()
		defer mu.Unlock()
		all.Reset()
		all.Write(bytes.Join(q.body, nil))
	}}
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
}

// allowing is an AppSec without a network.
type allowing struct{ hear func(*question) }

func (a *allowing) ask(q *question, _ *turn) (*answer, error) {
	a.hear(q)
	return allowed, nil
}

func (a *allowing) close() {}

func TestASlowBodyIsNotWaitedForEver(t *testing.T) {
	const text = "0123456789abcdef" // takes 17 seconds
	synctest.Test(t, func(t *testing.T) {
		for _, over := range []lookup.Action{lookup.None, lookup.Ban} {
			c := newClient(t, Config{URL: "http://h", BodyOver: over})
			heard := listen(c)
			r := upload(drip(text, 990*time.Millisecond))
			began := time.Now()
			v := judge(t, c, r, inspect.Details{})
			if took := time.Since(began); took != 10*time.Second {
				t.Errorf("over %v: it took %v", over, took)
			}
			if over == lookup.Ban {
				if v.Action != lookup.Ban || v.Status != 408 || !v.Close || c.Stats().Refused[SlowBody] != 1 || heard() != "" {
					t.Errorf("%+v, %q", v, heard())
				}
				r.Body.Close()
				synctest.Wait()
				<-time.After(time.Second)
				if n := c.Stats().BodyMemory; n != 0 {
					t.Errorf("%d bytes kept", n)
				}
				continue
			}
			if v.Action != lookup.None || c.Stats().Skipped[SlowBody] != 1 || heard() != text[:10] {
				t.Errorf("%+v, %q", v, heard())
			}
			got, err := io.ReadAll(r.Body)
			if string(got) != text || err != nil {
				t.Errorf("the site got %q, %v", got, err)
			}
			r.Body.Close()
			if n := c.Stats().BodyMemory; n != 0 {
				t.Errorf("%d bytes kept", n)
			}
		}
	})
}

func TestABodyThatIsClosedWhileItDripsGivesItsMemoryBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{URL: "http://h", BodyTimeout: 1500 * time.Millisecond})
		listen(c)
		src := drip("0123456789", time.Second)
		r := upload(src)
		judge(t, c, r, inspect.Details{})
		var wg sync.WaitGroup
		wg.Go(func() { // like a proxy after its timeout
			_, err := io.ReadAll(r.Body)
			if err == nil {
				t.Error("the body was not read to its end")
			}
		})
		synctest.Wait()
		if c.Stats().BodyMemory == 0 {
			t.Error("nothing held")
		}
		r.Body.Close()
		wg.Wait()
		if n := c.Stats().BodyMemory; n != 0 {
			t.Errorf("%d bytes kept", n)
		}
		select {
		case <-src.stop:
		default:
			t.Error("the source is open")
		}
	})
}

// The server closes its own body. An early Close would wait for the client.
func TestReleaseLeavesTheSourceAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, Config{URL: "http://h", BodyTimeout: 1500 * time.Millisecond})
		listen(c)
		src := drip("0123456789", time.Second)
		r := upload(src)
		v, err := c.Inspect(r, inspect.Details{})
		if err != nil || c.Stats().BodyMemory == 0 {
			t.Errorf("%v, nothing held", err)
		}
		v.Release()
		if _, err := r.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("%v", err)
		}
		<-time.After(time.Second) // the Read in progress has ended
		synctest.Wait()
		v.Release()
		if n := c.Stats().BodyMemory; n != 0 {
			t.Errorf("%d bytes kept", n)
		}
		select {
		case <-src.stop:
			t.Error("the source is closed")
		default:
		}
		if got := string(src.data); got != "23456789" {
			t.Errorf("left to read: %q", got)
		}
	})
}

func TestABodyThatBreaksOffIsNoAttack(t *testing.T) {
	var tooLong *http.MaxBytesError
	tests := []struct {
		name string
		body io.Reader
		is   func(error) bool
	}{
		{"the client goes", io.MultiReader(strings.NewReader("evil"), iotest.ErrReader(io.ErrUnexpectedEOF)), func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		{"the server ends", iotest.ErrReader(context.Canceled), func(err error) bool { return errors.Is(err, context.Canceled) }},
		{
			"more than a handler before us takes", http.MaxBytesReader(httptest.NewRecorder(), io.NopCloser(strings.NewReader("12345")), 4),
			func(err error) bool { return errors.As(err, &tooLong) },
		},
		{"a foreign body panics", panicking{}, func(err error) bool { return strings.Contains(err.Error(), "panic: no") }},
	}
	for _, tt := range tests {
		f := newFake(t, nil)
		c := f.client(t, Config{BodyOver: lookup.Ban})
		r := upload(tt.body)
		v, err := c.Inspect(r, inspect.Details{})
		if !errors.Is(err, inspect.ErrBody) || !tt.is(err) || v != (inspect.Verdict{}) {
			t.Errorf("%s: %+v, %v", tt.name, v, err)
		}
		f.Last(t, 0)
		if s := c.Stats(); s.Broken != 1 || s.BodyMemory != 0 || s.Asked != 0 {
			t.Errorf("%s: %+v", tt.name, s)
		}
		if _, err := r.Body.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: the site can read on", tt.name)
		}
		r.Body.Close()
	}
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("no") }

func TestWhatIsNotWaitedFor(t *testing.T) {
	grpc := http.Header{"Content-Type": {"application/grpc+proto"}}
	tests := []struct {
		name    string
		r       *http.Request
		lenient bool // by its head only, if BodyOver is None
		strict  bool // also if it is Ban
	}{
		{"a gRPC call", &http.Request{Method: "POST", ContentLength: -1, ProtoMajor: 2, Header: grpc}, true, false},
		{"what says so on HTTP/1", &http.Request{Method: "POST", ContentLength: -1, ProtoMajor: 1, Header: grpc}, false, false},
		{"what says so and how long it is", &http.Request{Method: "POST", ContentLength: 9, ProtoMajor: 2, Header: grpc}, false, false},
		{
			"gRPC of browsers", &http.Request{Method: "POST", ContentLength: -1, ProtoMajor: 2, Header: http.Header{"Content-Type": {"application/grpc-web"}}},
			false, false,
		},
		{"a tunnel", &http.Request{Method: "CONNECT", ContentLength: -1, Header: http.Header{":protocol": {"websocket"}}}, true, true},
		{"an old tunnel", &http.Request{Method: "CONNECT", ContentLength: -1, Header: http.Header{}}, true, false},
		{"a CONNECT with a body", &http.Request{Method: "CONNECT", ContentLength: 9, Header: http.Header{":protocol": {"websocket"}}}, false, false},
		{
			"an Upgrade with a body", &http.Request{Method: "GET", ContentLength: 9, Header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}},
			false, false,
		},
	}
	for _, tt := range tests {
		for _, over := range []lookup.Action{lookup.None, lookup.Ban} {
			c := newClient(t, Config{URL: "http://h", BodyOver: over})
			heard := listen(c)
			r := tt.r.Clone(t.Context())
			r.RequestURI, r.Body = "/", io.NopCloser(strings.NewReader("evil body"))
			v := judge(t, c, r, inspect.Details{})
			want := tt.lenient
			if over == lookup.Ban {
				want = tt.strict
			}
			if got := heard() == ""; got != want || v != (inspect.Verdict{}) || (c.Stats().Skipped[Stream] == 1) != want {
				t.Errorf("%s, over %v: by its head only %v; %+v", tt.name, over, got, v)
			}
			r.Body.Close()
		}
	}
}

func TestBodiesThatAreNoneStayAsTheyAre(t *testing.T) {
	c := newClient(t, Config{URL: "http://h"})
	listen(c)
	for _, body := range []io.ReadCloser{nil, http.NoBody} {
		r := &http.Request{Method: "POST", RequestURI: "/", Body: body}
		if judge(t, c, r, inspect.Details{}); r.Body != body {
			t.Errorf("%v became %v", body, r.Body)
		}
	}
}

// However a body is split, the site reads all of it, and AppSec its beginning.
func FuzzReplay(f *testing.F) {
	f.Add(uint64(1), 10, 10, false)
	f.Add(uint64(2), 11, 10, true)
	f.Add(uint64(3), 100_000, 40_000, false)
	f.Add(uint64(4), 0, 1, true)
	f.Add(uint64(51), 11, 10, true)
	f.Fuzz(func(t *testing.T, seed uint64, size, limit int, fails bool) {
		if size < 0 || size > 1<<20 || limit < 1 || limit > 1<<20 {
			return
		}
		rng := rand.New(rand.NewPCG(seed, 0))
		sent := make([]byte, size)
		for i := range sent {
			sent[i] = byte(rng.Uint32())
		}
		src := &pieces{rest: sent, rng: rng, err: io.EOF}
		if fails {
			src.err = io.ErrUnexpectedEOF
		}
		c, err := New(Config{URL: "http://h", Key: "k", BodyLimit: limit})
		if err != nil {
			t.Fatal(err)
		}
		heard := listen(c)
		r := upload(src)
		_, err = c.Inspect(r, inspect.Details{})
		if fails && size <= limit && err == nil {
			t.Fatal("broken off, and no error")
		}
		// One more byte is read, and the error may come with it.
		if !fails || size > limit+1 || err == nil {
			if err != nil {
				t.Fatal(err)
			}
			if want := sent[:min(size, limit)]; heard() != string(want) {
				t.Fatalf("AppSec got %d bytes, want %d", len(heard()), len(want))
			}
			got, err := io.ReadAll(&pieces{from: r.Body, rng: rng})
			if !bytes.Equal(got, sent) || fails != errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("the site got %d of %d bytes, %v", len(got), size, err)
			}
		}
		r.Body.Close()
		if n := c.Stats().BodyMemory; n != 0 {
			t.Fatalf("%d bytes kept", n)
		}
	})
}

// pieces reads rest, or from, in pieces of any size.
type pieces struct {
	rest []byte
	err  error
	from io.Reader
	rng  *rand.Rand
}

func (s *pieces) Read(p []byte) (int, error) {
	p = p[:min(len(p), 1+s.rng.IntN(5000))]
	if s.from != nil {
		return s.from.Read(p)
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	if len(s.rest) == 0 && (n == 0 || s.rng.IntN(2) == 0) {
		return n, s.err
	}
	return n, nil
}
