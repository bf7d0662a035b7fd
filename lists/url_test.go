package lists

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// A urlRig is a URL that runs in a bubble of time and asks a real server, which
// answers as the test says.
type urlRig struct {
	*URL
	*lapitest.Server
	t      *testing.T
	table  *lookup.Table
	answer atomic.Pointer[http.HandlerFunc]
	logs   *observer.ObservedLogs
	stop   func()
}

const listURL = "http://list.test/block.txt?token=s3cret"

// fetching calls test with a URL whose server sends text, in a bubble of time.
// It runs as soon as the test says so. Of cfg, URL and Logger are filled in.
func fetching(t *testing.T, cfg URLConfig, text string, test func(r *urlRig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &urlRig{Server: lapitest.StartPipe(t, lapitest.Config{}), t: t, table: new(lookup.Table)}
		r.InjectWhen(func(*http.Request) bool { return true }, -1,
			func(w http.ResponseWriter, req *http.Request, _ http.HandlerFunc) { (*r.answer.Load())(w, req) })
		var core zap.Option
		core, r.logs = observed()
		cfg.URL = listURL
		cfg.Logger = zap.NewNop().WithOptions(core)
		var err error
		r.URL, err = NewURL(cfg)
		must(t, err)
		r.transport = newTransport(r.Transport().DialContext)
		r.send(text)
		test(r)
		if r.stop != nil {
			r.stop()
		}
	})
}

func observed() (zap.Option, *observer.ObservedLogs) {
	core, logs := observer.New(zap.DebugLevel)
	return zap.WrapCore(func(zapcore.Core) zapcore.Core { return core }), logs
}

// run runs the URL until the end of the test or until stop is called.
func (r *urlRig) run() {
	r.t.Helper()
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(r.t.Context())
	go func() { done <- r.Run(ctx, r.table) }()
	r.stop = func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			r.t.Errorf("Run returned %v; want the context's error", err)
		}
		r.stop = nil
	}
	synctest.Wait()
}

// does makes h what the server answers from now on.
func (r *urlRig) does(h http.HandlerFunc) { r.answer.Store(&h) }

// send has the server send text.
func (r *urlRig) send(text string) { r.does(sends(text)) }

func sends(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, text)
	}
}

// spoiled has the server spoil what it sends by a fault.
func spoiled(f lapitest.Fault, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { f(w, r, sends(text)) }
}

func status(code int, header, value, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(header, value)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// next lets time pass up to just behind the fetch that is due, and until it has
// come to an end.
func (r *urlRig) next() {
	r.t.Helper()
	due := r.URL.Status().Next
	pass(time.Until(due) + time.Millisecond)
	for i := 0; !r.URL.Status().Next.After(due); i++ {
		if i > 100 {
			r.t.Fatal("a fetch does not end")
		}
		pass(10 * time.Second)
	}
}

func (r *urlRig) holds(want ...string) {
	r.t.Helper()
	(&rig{t: r.t, table: r.table}).holds(want...)
}

func (r *urlRig) inStep() {
	r.t.Helper()
	if s := r.URL.Status(); s.Err != nil || s.Failures != 0 || s.Synced.IsZero() || !s.Ready(time.Now()) {
		r.t.Errorf("status %+v; want one in step", s)
	}
}

// outOfStep checks that the URL admits not to follow the list, because of why,
// and keeps its secrets.
func (r *urlRig) outOfStep(why string) {
	r.t.Helper()
	s := r.URL.Status()
	if s.Err == nil || s.Failures == 0 || !strings.Contains(s.Err.Error(), why) {
		r.t.Fatalf("status %+v; want an error with %q", s, why)
	}
	if text := s.Err.Error(); !strings.Contains(text, "http://list.test/block.txt: ") || strings.Contains(text, "s3cret") {
		r.t.Errorf("%q; want it with the URL and without secrets", text)
	}
	if !s.Next.After(time.Now()) {
		r.t.Errorf("the next try is %v off", time.Until(s.Next))
	}
}

// last returns the last request.
func (r *urlRig) last() lapitest.Request {
	r.t.Helper()
	all := r.Requests()
	if len(all) == 0 {
		r.t.Fatal("no request")
	}
	return all[len(all)-1]
}

func TestAURLIsFetchedAtOnceAndThenHourly(t *testing.T) {
	fetching(t, URLConfig{}, "192.0.2.1\nrubbish\n2001:db8::/32\n", func(r *urlRig) {
		r.run()
		r.holds("192.0.2.1/32", "2001:db8::/32")
		r.inStep()
		if s := r.URL.Stats(); s.Lines != 3 || s.Entries != 2 || s.Skipped != 1 || s.Bad[0].Number != 2 {
			t.Errorf("stats %+v", s)
		}
		d, ok := r.table.Lookup(netip.MustParseAddr("192.0.2.1"))
		const name = "list.test/block.txt"
		if !ok || d.Action != lookup.Ban || d.Source != "list:"+name || d.Origin != "lists:"+name || d.Reason != name || !d.Until.IsZero() {
			t.Errorf("decision %+v, %t", d, ok)
		}
		pass(24 * time.Hour)
		var was time.Time
		for i, q := range r.Requests() {
			if pause := q.Time.Sub(was); i > 0 && (pause < time.Hour || pause > 66*time.Minute) {
				t.Errorf("pause of %v; want an hour and up to a tenth", pause)
			}
			was = q.Time
		}
		if n := len(r.Requests()); n < 22 || n > 25 {
			t.Errorf("%d requests in a day", n)
		}
	})
}

func TestTheLastGoodCopyOfAURLStaysInForce(t *testing.T) {
	const soon, late = time.Minute, time.Hour // pauses after failures that may pass, and after others
	text, entries := many(100)
	type H = http.HandlerFunc
	for _, row := range []struct {
		name  string
		does  H
		want  string
		pause time.Duration
	}{
		{"reset in mid-body", spoiled(lapitest.Cut(300), text), "unexpected EOF", soon},
		{"reset before the headers", spoiled(lapitest.Cut(0), ""), "EOF", soon},
		{"fewer bytes than announced", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5000")
			sends(text)(w, r)
		}, "unexpected EOF", soon},
		{"cut in the midst of a line, by a server that never says how much is to come", raw("HTTP/1.0 200 OK\r\n\r\n" + text[:len(text)-2]), "incomplete", soon},
		{"a hang without headers", spoiled(lapitest.Hang(), text), "stopped sending: no data for 30s", soon},
		{"a hang in mid-body", spoiled(lapitest.Stall(300), text), "stopped sending: no data for 30s", soon},
		{"a trickle of a byte a second", trickle, "too slow: not finished after 10m", soon},
		{"no HTTP", raw("SSH-2.0-OpenSSH\r\n"), "malformed", soon},
		{"endless headers", raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20)), "headers exceeded", soon},
		{"status 500", status(500, "X", "x", "out of order"), `status 500: "out of order"`, soon},
		{"a proxy's page with status 502", status(502, "Content-Type", "text/html", "<html>\n192.0.2.1\n"), `status 502: "Bad Gateway"`, soon},
		{"the same with status 200", status(200, "Content-Type", "text/html", "<html>\n192.0.2.1\n"), `"<html>": markup`, late},
		{"a page that is called text", status(200, "Content-Type", "text/plain", " \n<!DOCTYPE html>\n192.0.2.1\n"), "line 2", late},
		{"a page that does not look like one at first", status(200, "Content-Type", "text/html", "192.0.2.1\n</p>\n"), "markup", late},
		{"JSON", sends(`{"message":"no such list"}`), "no line is a valid entry", late},
		{"status 401", status(401, "X", "x", ""), "status 401: access refused: check user and password or the key", late},
		{"status 403", status(403, "X", "x", "forbidden for s3cret"), `the key: "forbidden for …"`, late},
		{"status 404", status(404, "X", "x", "no such page"), `status 404: "no such page"`, late},
		{"status 429", status(429, "X", "x", ""), "status 429", late},
		{"status 429 for longer", status(429, "Retry-After", "18000", ""), "status 429", 5 * time.Hour},
		{"status 503 for a while", status(503, "Retry-After", "7200", ""), "status 503", 2 * time.Hour},
		{"status 503 for a century", status(503, "Retry-After", "2147483647", ""), "status 503", 24 * time.Hour},
		{"status 206", status(206, "X", "x", text), "status 206", late},
		{"status 304 though nothing was asked", status(304, "X", "x", ""), "status 304", late},
		{"a gzip bomb", spoiled(lapitest.GzipBomb(1<<30), ""), "decompresses to too many bytes", late},
		{"an invalid gzip", status(200, "Content-Encoding", "gzip", text), "decompressing", soon},
		{"gzip that is cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(gzipped(text)[:200])
		}, "unexpected EOF", soon},
		{"gzip of nothing, without end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			copies(w, bytes.Repeat(gzipped(""), 1<<12), 1<<12)
		}, "too large", late},
		{"another encoding", status(200, "Content-Encoding", "br", text), `unknown Content-Encoding "br"`, late},
		{"a line of a gigabyte", func(w http.ResponseWriter, _ *http.Request) {
			copies(w, bytes.Repeat([]byte("1"), 1<<20), 1<<10)
		}, "too large", late},
		{"too many lines", sends(text + strings.Repeat("#\n", 10_000)), "too many lines", late},
		{"a redirect in a circle", redirect("/block.txt"), "a redirect was not followed: more than 5 times", late},
		{"a redirect to another host", redirect("http://169.254.169.254/s3cret"), "another host without https", late},
		{"a redirect the target is not a URL", redirect("http://[::1"), "the target is not a URL", late},
		{"a redirect to a file", redirect("file:///etc/passwd"), "the target is not a URL", late},
		{"a redirect to another scheme", redirect("ftp://list.test/"), `to scheme "ftp"`, late},
		{"status 204", status(204, "X", "x", ""), "shrank from 100 entries to 0", late},
		{"nothing", sends(""), "shrank from 100 entries to 0", late},
		{"comments only", sends("# nobody\n"), "shrank from 100 entries to 0", late},
		{"CrowdSec's mirror without decisions", status(404, "X", "x", "no decisions available\n"), "shrank from 100 entries to 0", late},
		{"most of it is gone", sends("192.0.2.1\n"), "shrank from 100 entries to 1", late},
	} {
		t.Run(row.name, func(t *testing.T) {
			fetching(t, URLConfig{MaxBytes: 8 << 20, MaxLines: 10_000}, text, func(r *urlRig) {
				r.run()
				r.does(row.does)
				r.next()
				r.holds(entries...)
				r.outOfStep(row.want)
				pause := time.Until(r.URL.Status().Next)
				if row.pause == soon && (pause < 10*time.Second || pause > soon) {
					t.Errorf("the next try is in %v; want a short pause", pause)
				}
				if row.pause != soon && (pause < row.pause-time.Second || pause > row.pause*3/2+time.Second) {
					t.Errorf("the next try is in %v; want %v or a little more", pause, row.pause)
				}
				r.send(text + "192.0.2.1\n")
				r.next()
				r.holds(slices.Concat(entries, []string{"192.0.2.1/32"})...)
				r.inStep()
			})
		})
	}
}

// raw answers with text as it is, and closes the connection.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(c, text)
			_ = c.Close()
		}
	}
}

func trickle(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for r.Context().Err() == nil {
		_, _ = io.WriteString(w, "#")
		_ = http.NewResponseController(w).Flush()
		<-tick.C
	}
}

// copies writes b n times, or until the client is gone.
func copies(w io.Writer, b []byte, n int) {
	for range n {
		if _, err := w.Write(b); err != nil {
			return
		}
	}
}

func redirect(to string) http.HandlerFunc { return status(http.StatusFound, "Location", to, "") }

func gzipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text) // a buffer takes all
	_ = z.Close()
	return b.Bytes()
}

func TestAServerThatCannotBeReachedIsTriedAgainWithGrowingPauses(t *testing.T) {
	fetching(t, URLConfig{}, "192.0.2.1\n", func(r *urlRig) {
		refused := func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		}
		up := r.transport
		r.transport = newTransport(refused)
		r.run()
		r.outOfStep("connection refused")
		if r.URL.Status().Ready(time.Now()) {
			t.Error("ready without ever having read the list")
		}
		var last time.Duration
		for range 12 {
			last = time.Until(r.URL.Status().Next)
			r.next()
		}
		if last < time.Hour/2 || last > time.Hour*3/2 {
			t.Errorf("the last pause is %v; want about an interval", last)
		}
		if s := r.URL.Status(); s.Failures != 13 {
			t.Errorf("%d failures; want 13", s.Failures)
		}
		if n := len(r.logs.FilterMessageSnippet("there is no earlier copy").All()); n != 1 {
			t.Errorf("%d lines in the log; want one", n)
		}
		r.stop()
		r.transport = up
		r.run()
		r.holds("192.0.2.1/32")
		r.inStep()
	})
}

func TestAGoodAnswerEndsTheBackOff(t *testing.T) {
	fetching(t, URLConfig{}, "192.0.2.1\n", func(r *urlRig) {
		for range 2 {
			r.does(status(500, "X", "x", ""))
			if r.stop == nil {
				r.run()
			} else {
				r.next()
			}
			if pause := time.Until(r.URL.Status().Next); pause > time.Minute {
				t.Errorf("the first pause is %v", pause)
			}
			pass(24 * time.Hour)
			r.send("192.0.2.1\n")
			r.next()
			r.inStep()
		}
	})
}

func TestARequestSaysWhatItWants(t *testing.T) {
	for _, row := range []struct {
		name string
		cfg  URLConfig
		want map[string]string
	}{
		{"nobody in particular", URLConfig{}, map[string]string{"Authorization": "", "X-Api-Key": ""}},
		{"a user", URLConfig{User: "u", Password: "p:w"}, map[string]string{"Authorization": "Basic dTpwOnc=", "X-Api-Key": ""}},
		{"a key", URLConfig{Key: "k3y"}, map[string]string{"Authorization": "", "X-Api-Key": "k3y"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			fetching(t, row.cfg, "", func(r *urlRig) {
				r.run()
				maps.Copy(row.want, map[string]string{"Accept-Encoding": "gzip", "If-None-Match": "", "Referer": "", "User-Agent": userAgent})
				for name, want := range row.want {
					if got := r.last().Header.Get(name); got != want {
						t.Errorf("%s: %q; want %q", name, got, want)
					}
				}
				if q := r.last(); q.Path != "/block.txt" || q.Query.Get("token") != "s3cret" {
					t.Errorf("asked for %s, %v", q.Path, q.Query)
				}
			})
		})
	}
}

func TestGoodAnswers(t *testing.T) {
	for _, row := range []struct {
		name string
		does http.HandlerFunc
		want []string
	}{
		{"gzip", spoiled(lapitest.Gzip(), "192.0.2.1\n"), []string{"192.0.2.1/32"}},
		{"gzip in several parts", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(append(gzipped("192.0.2.1\n"), gzipped("192.0.2.2\n")...))
		}, []string{"192.0.2.1/32", "192.0.2.2/32"}},
		{"what PHP calls HTML", status(200, "Content-Type", "text/html; charset=UTF-8", "192.0.2.1\n"), []string{"192.0.2.1/32"}},
		{"the end of the connection for an end", raw("HTTP/1.0 200 OK\r\n\r\n192.0.2.1\n"), []string{"192.0.2.1/32"}},
		{"a last line without an end, in a body that has one", sends("192.0.2.1\n192.0.2.2"), []string{"192.0.2.1/32", "192.0.2.2/32"}},
		{"status 204", status(204, "X", "x", ""), nil},
		{"an empty body", sends(""), nil},
		{"CrowdSec's mirror without decisions", status(404, "X", "x", "no decisions available\n"), nil},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/b" {
				redirect("/b")(w, r)
				return
			}
			sends("192.0.2.1")(w, r)
		}, []string{"192.0.2.1/32"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			fetching(t, URLConfig{}, "", func(r *urlRig) {
				r.does(row.does)
				r.run()
				r.holds(row.want...)
				r.inStep()
			})
		})
	}
}

func TestAListIsAskedForConditionally(t *testing.T) {
	const etag, modified = `W/"7"`, "Mon, 23 Nov 2026 10:00:00 GMT"
	conditional := func(header, value, asks string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(header, value)
			if r.Header.Get(asks) == value {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			sends("192.0.2.1\n192.0.2.2\n")(w, r)
		}
	}
	for _, row := range []struct {
		name, header, value, asks string
		want                      bool
	}{
		{"by its tag", "Etag", etag, "If-None-Match", true},
		{"by its date", "Last-Modified", modified, "If-Modified-Since", true},
		{"but not by an endless tag", "Etag", strings.Repeat("x", 2<<10), "If-None-Match", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			fetching(t, URLConfig{}, "", func(r *urlRig) {
				r.does(conditional(row.header, row.value, row.asks))
				r.run()
				version := r.table.Version()
				for range 3 {
					r.next()
					r.inStep()
					if got := r.last().Header.Get(row.asks) != ""; got != row.want {
						t.Errorf("conditional: %t; want %t", got, row.want)
					}
				}
				if r.table.Version() != version {
					t.Error("the table was written to")
				}
				if synced := r.URL.Status().Synced; time.Since(synced) > time.Minute {
					t.Errorf("in step %v ago", time.Since(synced))
				}
			})
		})
	}

	always := func(t *testing.T, cfg URLConfig, test func(r *urlRig)) {
		fetching(t, cfg, "", func(r *urlRig) {
			r.does(conditional("Etag", etag, "If-None-Match"))
			r.run()
			test(r)
		})
	}
	isConditional := func(r *urlRig) bool { return r.last().Header.Get("If-None-Match") != "" }
	t.Run("unless the table has lost an entry", func(t *testing.T) {
		always(t, URLConfig{}, func(r *urlRig) {
			r.table.Forget(lookup.Decision{Prefix: netip.MustParsePrefix("192.0.2.1/32")})
			r.next()
			if isConditional(r) {
				t.Error("conditional")
			}
			r.holds("192.0.2.1/32", "192.0.2.2/32")
		})
	})
	t.Run("and in full once a day, for a cache may err", func(t *testing.T) {
		always(t, URLConfig{}, func(r *urlRig) {
			pass(3 * 24 * time.Hour)
			full := 0
			for _, q := range r.Requests() {
				if q.Header.Get("If-None-Match") == "" {
					full++
				}
			}
			if full < 3 || full > 4 {
				t.Errorf("%d of %d requests in full; want one a day", full, len(r.Requests()))
			}
		})
	})
	t.Run("and a failure changes nothing about it", func(t *testing.T) {
		always(t, URLConfig{}, func(r *urlRig) {
			r.does(status(500, "Etag", `"page"`, ""))
			r.next()
			r.does(conditional("Etag", etag, "If-None-Match"))
			r.next()
			if got := r.last().Header.Get("If-None-Match"); got != etag {
				t.Errorf("asked with %q", got)
			}
			r.inStep()
		})
	})
	t.Run("and what is in force lasts longer by it", func(t *testing.T) {
		always(t, URLConfig{Duration: 3 * time.Hour}, func(r *urlRig) {
			for range 10 {
				r.next()
				for d := range r.table.All() {
					if left := time.Until(d.Until); left < 3*time.Hour-time.Minute || left > 3*time.Hour {
						t.Errorf("%s ends in %v", d.Prefix, left)
					}
				}
				r.holds("192.0.2.1/32", "192.0.2.2/32")
			}
			if !isConditional(r) {
				t.Error("not conditional")
			}
		})
	})
	t.Run("and entries that have ended come back", func(t *testing.T) {
		always(t, URLConfig{Duration: 3 * time.Hour}, func(r *urlRig) {
			r.does(status(500, "X", "x", ""))
			pass(3*time.Hour + time.Minute)
			r.holds()
			if r.URL.Status().Ready(time.Now()) {
				t.Error("ready, though the entries have ended")
			}
			r.does(conditional("Etag", etag, "If-None-Match"))
			r.next()
			r.holds("192.0.2.1/32", "192.0.2.2/32")
			r.inStep()
		})
	})
}

func TestWithoutADurationAURLNeverGrowsStale(t *testing.T) {
	fetching(t, URLConfig{}, "192.0.2.1\n", func(r *urlRig) {
		r.run()
		r.does(status(500, "X", "x", ""))
		pass(30 * 24 * time.Hour)
		r.holds("192.0.2.1/32")
		r.outOfStep("status 500")
		if s := r.URL.Status(); !s.Ready(time.Now()) || time.Since(s.Synced) < 29*24*time.Hour {
			t.Errorf("%+v", s)
		}
	})
}

func TestAShrunkListIsBelievedWhenTheServerStandsByIt(t *testing.T) {
	text, entries := many(100)
	short := sends("192.0.2.1\n192.0.2.2\n")
	believed := []string{"192.0.2.1/32", "192.0.2.2/32"}
	for _, row := range []struct {
		name     string
		interval time.Duration
		answers  []http.HandlerFunc // after the whole one; with the last one the loss is believed
		want     []string
	}{
		{"at the third time", time.Hour, []http.HandlerFunc{short, short, short}, believed},
		{"empty as well", time.Hour, []http.HandlerFunc{sends(""), status(204, "X", "x", ""), sends("")}, nil},
		{"also with failures in between", time.Hour, []http.HandlerFunc{short, status(500, "X", "x", ""), short, short}, believed},
		{"also if it changes a little", time.Hour, []http.HandlerFunc{sends("192.0.2.1\n"), short, short}, believed},
		{"not if it is whole in between", time.Hour, []http.HandlerFunc{short, short, sends(text), short, short, short}, believed},
		{"not if it loses more and more", time.Hour, []http.HandlerFunc{sends(text[:14*40]), short, short, short}, believed},
		{"but not before Settle", 20 * time.Minute, []http.HandlerFunc{short, short, short, short}, believed},
	} {
		t.Run(row.name, func(t *testing.T) {
			fetching(t, URLConfig{Interval: row.interval}, text, func(r *urlRig) {
				r.run()
				for i, a := range row.answers {
					r.does(a)
					r.next()
					if i < len(row.answers)-1 {
						r.holds(entries...)
					}
				}
				r.holds(row.want...)
				r.inStep()
			})
		})
	}
}

func TestAShortListShrinksAtOnceButNotToNothing(t *testing.T) {
	text, entries := many(16)
	fetching(t, URLConfig{}, text, func(r *urlRig) {
		r.run()
		r.send("# nobody\n")
		r.next()
		r.holds(entries...)
		r.outOfStep("shrank from 16 entries to 0")
		r.send("192.0.2.1\n")
		r.next()
		r.holds("192.0.2.1/32")
	})
}

func TestASnapshotGuardsAgainstALossOverARestart(t *testing.T) {
	fetching(t, URLConfig{}, "", func(r *urlRig) {
		_, entries := many(100)
		b := r.table.Batch(r.Name())
		for _, e := range entries {
			b.Add(lookup.Decision{Prefix: netip.MustParsePrefix(e), Action: lookup.Ban})
		}
		b.Replace()
		r.run()
		r.holds(entries...)
		r.outOfStep("shrank from 100 entries to 0")
	})
}

func TestPages(t *testing.T) {
	served := func(content ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var page int
			_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
			switch {
			case r.URL.Query().Get("page_size") != "2" || r.URL.Query().Get("token") != "s3cret":
				w.WriteHeader(http.StatusUnprocessableEntity)
			case page <= len(content):
				_, _ = io.WriteString(w, content[page-1])
			default:
				w.WriteHeader(http.StatusNoContent)
			}
		}
	}
	broken := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "2" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		sends("192.0.2.7\n192.0.2.8\n")(w, r)
	}
	for _, row := range []struct {
		name string
		does http.HandlerFunc
		want []string // nil: as before
		err  string
	}{
		{"up to an empty one", served("192.0.2.1\n192.0.2.2\n", "192.0.2.3\n"), []string{"192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32"}, ""},
		{"that lack their last line's end", served("192.0.2.1\n192.0.2.2", "192.0.2.3"), []string{"192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32"}, ""},
		{"up to one of blanks", served("192.0.2.1\n192.0.2.2\n", " \n", "192.0.2.9\n"), []string{"192.0.2.1/32", "192.0.2.2/32"}, ""},
		{"smaller than asked for", served("192.0.2.1\n", "192.0.2.2\n"), []string{"192.0.2.1/32", "192.0.2.2/32"}, ""},
		{"of a server that knows none", sends("192.0.2.7\n192.0.2.8\n"), nil, "two pages are equal"},
		{"of which one is missing", broken, nil, "page 2: status 404"},
		{"none", served(), nil, "shrank from 3 entries to 0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			fetching(t, URLConfig{PageSize: 2}, "", func(r *urlRig) {
				r.does(served("192.0.2.1\n192.0.2.2\n", "192.0.2.9\n"))
				r.run()
				r.does(row.does)
				r.next()
				if row.err == "" {
					r.holds(row.want...)
					r.inStep()
					return
				}
				r.holds("192.0.2.1/32", "192.0.2.2/32", "192.0.2.9/32")
				r.outOfStep(row.err)
			})
		})
	}
}

func TestTheLogTellsOfChangesOfAURLOnly(t *testing.T) {
	fetching(t, URLConfig{}, "192.0.2.1\n", func(r *urlRig) {
		r.run()
		pass(5 * time.Hour)
		r.does(func(w http.ResponseWriter, req *http.Request) {
			status(500, "X", "x", "at "+time.Now().String())(w, req)
		})
		pass(5 * time.Hour)
		r.does(status(403, "X", "x", ""))
		pass(5 * time.Hour)
		r.send("192.0.2.1\n")
		pass(5 * time.Hour)
		var got []string
		for _, e := range r.logs.All() {
			got = append(got, e.Level.String()+" "+e.Message)
			if e.ContextMap()["source"] != r.Name() {
				t.Errorf("%+v: no source", e)
			}
		}
		want := []string{
			"info blocklist read",
			"error blocklist cannot be read: the last good copy stays in force",
			"error blocklist cannot be read: the last good copy stays in force",
			"info blocklist is in sync again",
		}
		if !slices.Equal(got, want) {
			t.Errorf("the log says %q; want %q", got, want)
		}
	})
}

func TestWhatIsTheSameTroubleToAnOperator(t *testing.T) {
	reset := func(port int) error {
		return fmt.Errorf("line %d: %w", port, &net.OpError{
			Op: "read", Net: "tcp", Source: &net.TCPAddr{Port: port}, Err: syscall.ECONNRESET,
		})
	}
	cut := func(line int) error { return fmt.Errorf("line %d: %w", line, io.ErrUnexpectedEOF) }
	for _, row := range []struct {
		name string
		a, b error
		want bool
	}{
		{"one status with different words", &refusal{code: 500, text: "a"}, &refusal{code: 500, text: "b"}, true},
		{"two statuses", &refusal{code: 500}, &refusal{code: 502}, false},
		{"a reset of two connections", reset(1), reset(2), true},
		{"a reset and a refusal", reset(1), &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false},
		{"two lists cut short", cut(1), cut(2), true},
		{"a reset and a cut", reset(1), cut(1), false},
		{"anything else", errSilence, errSlow, false},
		{"success", nil, errSlow, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := kindOf(row.a) == kindOf(row.b); got != row.want {
				t.Errorf("%q and %q", kindOf(row.a), kindOf(row.b))
			}
		})
	}
}

func TestARunOfAURLEndsAtOnce(t *testing.T) {
	for name, does := range map[string]http.HandlerFunc{
		"while the server hangs":    spoiled(lapitest.Hang(), ""),
		"in the midst of an answer": spoiled(lapitest.Stall(5), "192.0.2.1\n"),
		"in a pause":                sends(""),
	} {
		t.Run(name, func(t *testing.T) {
			fetching(t, URLConfig{}, "", func(r *urlRig) {
				r.does(does)
				r.run()
				failures, start := r.URL.Status().Failures, time.Now()
				r.stop()
				if d := time.Since(start); d > 0 {
					t.Errorf("it took %v", d)
				}
				if r.URL.Status().Failures != failures {
					t.Error("to be stopped is no failure")
				}
			})
		})
	}
}
