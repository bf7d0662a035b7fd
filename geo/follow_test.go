package geo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/internal/follow"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const (
	maxBytes = 1 << 16
	quiet    = follow.Quiet
)

// A rig is a DB that runs in a bubble of time, on real files, with events that
// the test makes. The first file has the country DE, the second one system 64496.
type rig struct {
	*DB
	t      *testing.T
	paths  []string
	events chan follow.Event
	looks  int
	logs   *observer.ObservedLogs
}

func inBubble(t *testing.T, test func(r *rig)) {
	t.Helper()
	paths := write(t, inCountry("DE"), inSystem(64496))
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		d, err := New(Config{Paths: paths, MaxBytes: maxBytes, Logger: zap.New(core)})
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{DB: d, t: t, paths: paths, events: make(chan follow.Event), logs: logs}
		d.listen = func([]string) (follow.Watch, error) {
			arm := func() error { r.looks++; return nil }
			return follow.Watch{Events: r.events, Arm: arm, Close: func() error { return nil }}, nil
		}
		test(r)
	})
}

func inCountry(code string) mmdb { return mmdb{entries: m{"192.0.2.0/24": country(code)}} }
func inSystem(n uint32) mmdb     { return mmdb{entries: m{"192.0.2.0/24": asn(n)}} }

// run runs the DB until the end of the test.
func (r *rig) run() {
	r.t.Helper()
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(r.t.Context())
	go func() { done <- r.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			r.t.Errorf("Run returned %v; want the context's error", err)
		}
	})
	synctest.Wait()
}

func (r *rig) do(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// replace makes raw what the file holds, in a new file that takes its place.
func (r *rig) replace(path string, raw []byte) {
	r.t.Helper()
	r.do(os.WriteFile(path+".new", raw, 0o600))
	r.do(os.Rename(path+".new", path))
}

// event tells of a change and lets d pass.
func (r *rig) event(d time.Duration) {
	r.events <- follow.Event{}
	pass(d)
}

// pass lets d pass, and then whatever is to happen until then.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// locates checks where 192.0.2.1 is.
func (r *rig) locates(country string, as uint32) {
	r.t.Helper()
	if c, n := r.Locate(netip.MustParseAddr("192.0.2.1")); c != country || n != as {
		r.t.Errorf("it is in %q, %d; want %q, %d", c, n, country, as)
	}
}

func (r *rig) inStep() {
	r.t.Helper()
	if s := r.Status(); s.Err != nil || s.Failures != 0 || time.Since(s.Synced) > 30*time.Second+quiet || !s.Next.After(time.Now()) {
		r.t.Errorf("status %+v; want one in step", s)
	}
}

// outOfStep checks that the DB admits not to follow path, because of why.
func (r *rig) outOfStep(path, why string) {
	r.t.Helper()
	s := r.Status()
	if s.Err == nil || s.Failures == 0 || !strings.Contains(s.Err.Error(), why) || !strings.Contains(s.Err.Error(), path) {
		r.t.Errorf("status %+v; want an error with %q and the path", s, why)
	}
	if !s.Next.After(time.Now()) {
		r.t.Errorf("the next try is %v off", time.Until(s.Next))
	}
}

func (r *rig) logged(level, message string) int {
	n := 0
	for _, entry := range r.logs.All() {
		if entry.Level.String() == level && strings.Contains(entry.Message, message) {
			n++
		}
	}
	return n
}

func TestAReplacedFileIsInForceWithinASecond(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		r.replace(r.paths[0], inCountry("FR").bytes())
		r.event(time.Second)
		r.locates("FR", 64496)
		r.inStep()
		r.replace(r.paths[1], inSystem(64497).bytes())
		r.event(time.Second)
		r.locates("FR", 64497)
		r.inStep()
		if n := r.logged("info", "read"); n != 2 {
			t.Errorf("%d lines in the log; want 2", n)
		}
	})
}

func TestAFileReplacedBeforeRunIsFound(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.replace(r.paths[0], inCountry("FR").bytes())
		r.run()
		pass(time.Second)
		r.locates("FR", 64496)
	})
}

func TestWithoutEventsThePollFindsIt(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.listen = func([]string) (follow.Watch, error) { return follow.Watch{}, errors.New("no watches left") }
		r.run()
		r.replace(r.paths[0], inCountry("FR").bytes())
		pass(29 * time.Second)
		r.locates("DE", 64496)
		pass(2 * time.Second)
		r.locates("FR", 64496)
		pass(time.Hour)
		if n := r.logged("warn", "polled only"); n != 1 {
			t.Errorf("the log says %d times that there are no events; want once", n)
		}
	})
}

func TestTheLastGoodCopyStaysInForce(t *testing.T) {
	good := inCountry("FR").bytes()
	for _, row := range []struct {
		name  string
		spoil func(r *rig, path string)
		why   string
	}{
		{"while the file is rubbish", func(r *rig, path string) { r.replace(path, []byte("<html>404</html>")) }, "invalid MaxMind DB file"},
		{"while it is cut short in place", func(r *rig, path string) { r.do(os.Truncate(path, 100)) }, "invalid MaxMind DB file"},
		{"while it is empty", func(r *rig, path string) { r.do(os.Truncate(path, 0)) }, "empty file"},
		{"while it is too large", func(r *rig, path string) { r.do(os.Truncate(path, maxBytes+1)) }, "too large"},
		{"while it is gone", func(r *rig, path string) { r.do(os.Remove(path)) }, "no such file"},
		{"while its directory is gone", func(r *rig, path string) { r.do(os.RemoveAll(filepath.Dir(path))) }, "no such file"},
		{"while it is a directory", func(r *rig, path string) { r.do(os.Remove(path)); r.do(os.Mkdir(path, 0o700)) }, "not a regular file"},
		{"while it is of another kind", func(r *rig, path string) {
			r.replace(path, mmdb{entries: m{"192.0.2.0/24": m{"rain": true}}}.bytes())
		}, "no countries and no"},
		{"while it lost its beginning", func(r *rig, path string) { r.replace(path, good[len(good)/2:]) }, "invalid metadata"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.run()
				path := r.paths[0]
				was := r.Status().Synced
				row.spoil(r, path)
				r.event(time.Second)
				r.locates("DE", 64496)
				r.outOfStep(path, row.why)
				pass(time.Hour)
				r.locates("DE", 64496)
				r.outOfStep(path, row.why)
				if n := r.logged("error", "cannot be read"); n != 1 {
					t.Errorf("the log has %d errors; want one", n)
				}
				if s := r.Status(); s.Synced.Sub(was) > time.Second {
					t.Errorf("it claims to have been in step at %v", s.Synced)
				}

				r.do(os.MkdirAll(filepath.Dir(path), 0o700))
				if info, err := os.Stat(path); err == nil && info.IsDir() {
					r.do(os.Remove(path))
				}
				r.replace(path, good)
				r.event(time.Second)
				r.locates("FR", 64496)
				r.inStep()
				if n := r.logged("info", "usable again"); n != 1 {
					t.Errorf("the log says %d times that all is well again; want once", n)
				}
			})
		})
	}
}

func TestAFileOfNoUseIsTriedAgainEvenIfItLooksTheSame(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		good := inCountry("FR").bytes()
		info, err := os.Stat(r.paths[0])
		r.do(err)
		overwrite := func(raw []byte) { // in place, and as if nothing had happened
			r.do(os.WriteFile(r.paths[0], raw, 0o600))
			r.do(os.Chtimes(r.paths[0], info.ModTime(), info.ModTime()))
		}
		overwrite(make([]byte, len(good)+1))
		r.event(time.Second)
		r.outOfStep(r.paths[0], "invalid")
		overwrite(append(good, 0))
		r.event(time.Second)
		r.locates("DE", 64496)
		pass(30 * time.Second)
		r.locates("FR", 64496)
		r.inStep()
	})
}

func TestABadFileDoesNotHoldUpAGoodOne(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		r.do(os.Remove(r.paths[0]))
		r.replace(r.paths[1], inSystem(64497).bytes())
		r.event(time.Second)
		r.locates("DE", 64497)
		r.outOfStep(r.paths[0], "no such file")
	})
}

func TestAFileIsNotReadWhileItIsWritten(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		raw := inCountry("FR").bytes()
		file, err := os.Create(r.paths[0])
		r.do(err)
		for part := range 10 {
			_, err := file.Write(raw[len(raw)*part/10 : len(raw)*(part+1)/10])
			r.do(err)
			r.event(200 * time.Millisecond)
			r.locates("DE", 64496)
			r.inStep()
		}
		r.do(file.Close())
		pass(time.Second)
		r.locates("FR", 64496)
		r.inStep()
	})
}

func TestAFileThatIsNeverStillIsTriedAllTheSame(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		r.replace(r.paths[0], inCountry("FR").bytes())
		for i := range 60 {
			later := time.Now().Add(time.Duration(i) * time.Hour)
			r.do(os.Chtimes(r.paths[0], later, later))
			r.event(100 * time.Millisecond)
		}
		r.locates("FR", 64496)
	})
}

func TestAnEventStormCostsFourLooksASecond(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		before := r.looks
		for range 1000 {
			r.event(10 * time.Millisecond)
		}
		if n := r.looks - before; n < 30 || n > 41 {
			t.Errorf("%d looks in 10s; want about 40", n)
		}
	})
}

// The first thousand networks are sound, so the file is taken into use.
func TestDamageThatALookupMeetsShows(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		db := mmdb{entries: m{"203.0.113.0/24": m{"country": m{"iso_code": uint32(7)}}}}
		for i := range 1000 {
			db.entries[fmt.Sprintf("192.%d.%d.0/24", i/250, i%250)] = country("FR")
		}
		r.replace(r.paths[0], db.bytes())
		r.event(time.Second)
		r.locates("FR", 64496)
		r.inStep()
		if c, _ := r.Locate(netip.MustParseAddr("203.0.113.1")); c != "" {
			t.Errorf("a damaged record is in %q", c)
		}
		pass(time.Minute)
		r.locates("FR", 64496)
		r.outOfStep(r.paths[0], "damaged: ")
		pass(time.Hour)
		r.outOfStep(r.paths[0], "damaged: ")
		if n := r.logged("error", "cannot be read"); n != 1 {
			t.Errorf("the log has %d errors; want one", n)
		}
		r.replace(r.paths[0], inCountry("SE").bytes())
		r.event(time.Second)
		r.locates("SE", 64496)
		r.inStep()
	})
}

// Locate runs while files are exchanged: no answer may be of neither copy.
func TestReadersSeeOneCopyOrTheOther(t *testing.T) {
	d := newDB(t, inCountry("DE"), inSystem(64496))
	var others []*database
	for _, code := range []string{"FR", "DE"} {
		db, err := open(inCountry(code).bytes())
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, db)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				d.put(0, others[i%2])
			}
		}
	}()
	for range 20_000 {
		if c, as := d.Locate(netip.MustParseAddr("192.0.2.1")); c != "DE" && c != "FR" || as != 64496 {
			t.Fatalf("it is in %q, %d", c, as)
		}
	}
	close(stop)
	<-stopped
}

// One test with the real watch, and so with real time, bounded. Each file is in
// a directory of its own.
func TestRealEvents(t *testing.T) {
	for i, raw := range [][]byte{inCountry("FR").bytes(), inSystem(64497).bytes()} {
		paths := write(t, inCountry("DE"), inSystem(64496))
		d, err := New(Config{Paths: paths, Poll: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		armed := make(chan struct{}, 10)
		d.listen = func(dirs []string) (follow.Watch, error) {
			w, err := follow.Listen(dirs)
			arm := w.Arm
			w.Arm = func() error { defer func() { armed <- struct{}{} }(); return arm() }
			return w, err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		<-armed
		before := (*d.cur.Load())[i]
		if err := os.WriteFile(paths[i]+".new", raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(paths[i]+".new", paths[i]); err != nil {
			t.Fatal(err)
		}
		for ctx.Err() == nil && (*d.cur.Load())[i] == before {
			<-time.After(20 * time.Millisecond)
		}
		if (*d.cur.Load())[i] == before {
			t.Errorf("file %d: no change in half a minute", i)
		}
		cancel()
		<-done
	}
}
