package lapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

func TestAfterAnyFailureTheNextPullIsFull(t *testing.T) {
	faults := map[string]lapitest.Fault{
		"cut in the midst":          lapitest.Cut(60),
		"cut before the headers":    lapitest.Cut(0),
		"cut at the very end":       lapitest.Cut(1 << 20),
		"garbage":                   lapitest.Raw("<html>"),
		"something behind":          lapitest.Trailing("{}"),
		"an empty answer":           lapitest.Raw(""),
		"a field of the wrong type": lapitest.Raw(`{"new":[{"value":7}]}`),
		"a server error":            lapitest.Status(500, nil, `{"message":"database is locked"}`),
		"a proxy's error page":      lapitest.Status(502, http.Header{"Content-Type": {"text/html"}}, "<html>502 Bad Gateway</html>"),
		"unauthorized":              lapitest.Status(401, nil, ""),
		"too many requests":         lapitest.Status(429, http.Header{"Retry-After": {"1"}}, ""),
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.Add(lapitest.Decision{Value: "192.0.2.1"})
				s.run()
				s.after(time.Second)
				s.Add(lapitest.Decision{Value: "192.0.2.2"})
				s.Inject(fault)
				s.poll()
				s.want("192.0.2.1", lookup.Ban) // the table has not changed
				s.after(2 * time.Second)
				s.want("192.0.2.2", lookup.Ban) // although the server believes that it has sent it
				s.wantFull(true, false, true)
				s.poll()
				s.wantFull(true, false, true, false)
			})
		})
	}
}

func TestFailuresAreExplained(t *testing.T) {
	location := http.Header{"Location": {"https://sso.example.org/?key=" + lapitest.DefaultKey}}
	html := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	tests := []struct {
		name  string
		fault lapitest.Fault
		want  string
	}{
		{"HTML with status 200", lapitest.Status(200, html, "<!DOCTYPE html>"), "the answer is an HTML page: is the URL that of"},
		{"HTML that says JSON", lapitest.Raw("<html>"), "byte 0: '<' where an object should begin"},
		{"a proxy's error page", lapitest.Status(502, html, "<html>502 Bad Gateway</html>"), `status 502: "<html>502 Bad Gateway</html>"`},
		{"a redirect", lapitest.Status(302, location, ""), `redirect to "https://sso.example.org/?key=…" not followed`},
		{"not found", lapitest.Status(404, nil, ""), "status 404: not found: is the URL that"},
		{"wrong key", lapitest.Status(403, nil, `{"message":"access forbidden"}`), "status 403: \"access forbidden\": check the key: `cscli bouncers list`"},
		{"unauthorized", lapitest.Status(401, nil, ""), "status 401: check the key"},
		{"what the server says", lapitest.Status(500, nil, `{"message":"database is locked"}`), `status 500: "database is locked"`},
		{"a server that echoes the key", lapitest.Status(502, nil, "X-Api-Key: "+lapitest.DefaultKey), `status 502: "X-Api-Key: …"`},
		{"an endless message", lapitest.Status(500, nil, strings.Repeat("x", 1<<20)), "status 500: \"" + strings.Repeat("x", 200) + "\""},
		{"an unknown encoding", lapitest.Status(200, http.Header{"Content-Encoding": {"br"}}, "x"), `unknown encoding "br"`},
		{"an invalid gzip", lapitest.Status(200, http.Header{"Content-Encoding": {"gzip"}}, "{}{}{}{}{}{}"), "decompressing the answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.InjectAlways(tt.fault)
				s.run()
				st := s.client.Status()
				if st.Err == nil || !strings.Contains(st.Err.Error(), tt.want) {
					t.Fatalf("error %v, want %s", st.Err, tt.want)
				}
				if st.Ready(time.Now()) || st.Failures == 0 || st.Next.IsZero() {
					t.Errorf("%+v", st)
				}
				if len(s.Pulls()) != len(s.Requests()) {
					t.Error("something else was asked")
				}
			})
		})
	}
}

func TestARefusedKeyIsSaidEachTimeAndNeverEndsPolling(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.run()
		s.RemoveKey(s.Key)
		s.after(time.Hour)
		st := s.client.Status()
		if n := len(s.errors()); n < 60 || n != st.Failures {
			t.Errorf("%d errors logged, %d failures", n, st.Failures)
		}
		if st.Ready(time.Now()) {
			t.Error("ready")
		}
		s.want("192.0.2.1", lookup.Ban)
		s.AddKey(s.Key)
		s.after(time.Minute)
		if st := s.client.Status(); st.Err != nil || st.Failures != 0 || !st.Ready(time.Now()) {
			t.Errorf("%+v", st)
		}
		if s.logs.FilterMessageSnippet("answers again").Len() != 1 {
			t.Error("the end of it is not in the log")
		}
	})
}

func TestOtherFailuresAreSaidWhenTheyChange(t *testing.T) {
	play(t, func(s *scene) {
		s.InjectAlways(lapitest.Status(500, nil, ""))
		s.run()
		s.after(10 * time.Minute)
		if n := len(s.errors()); n != 1 {
			t.Errorf("%d errors for one state", n)
		}
		s.ClearFaults()
		s.InjectAlways(lapitest.Status(502, nil, ""))
		s.after(10 * time.Minute)
		if n := len(s.errors()); n != 2 {
			t.Errorf("%d errors for two states", n)
		}
	})
}

func TestABanEndsOnItsOwnTimeWhileTheAPIIsDown(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1", Duration: time.Hour})
		s.run()
		s.InjectAlways(lapitest.Hang())
		s.after(59 * time.Minute)
		s.want("192.0.2.1", lookup.Ban)
		s.after(2 * time.Minute)
		s.want("192.0.2.1", lookup.None)
	})
}

func TestRecoveryIsQuickAfterALongOutage(t *testing.T) {
	play(t, func(s *scene) {
		s.InjectAlways(lapitest.Status(503, nil, ""))
		s.run()
		s.after(24 * time.Hour)
		if n := len(s.Pulls()); n > 24*3600/15 {
			t.Errorf("%d pulls in a day", n)
		}
		s.ClearFaults()
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.after(46 * time.Second) // half a minute plus jitter
		s.want("192.0.2.1", lookup.Ban)
	})
}

func TestASuccessEndsTheBackOff(t *testing.T) {
	play(t, func(s *scene) {
		s.InjectAlways(lapitest.Status(503, nil, ""))
		s.run()
		s.after(time.Hour)
		s.ClearFaults()
		s.after(time.Minute)
		s.Inject(lapitest.Status(503, nil, ""))
		for s.client.Status().Failures == 0 {
			s.after(100 * time.Millisecond)
		}
		if pause := time.Until(s.client.Status().Next); pause > 2*time.Second {
			t.Errorf("pause %v", pause)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		name, value string
		want        time.Duration
	}{
		{"seconds", "120", 2 * time.Minute},
		{"a date", "date", 3 * time.Minute},
		{"beyond reason", "86400", 5 * time.Minute},
		{"garbage", "soon", 0},
		{"negative", "-5", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, func(s *scene) {
				value := tt.value
				if value == "date" {
					value = time.Now().Add(tt.want).UTC().Format(http.TimeFormat)
				}
				s.Inject(lapitest.Status(429, http.Header{"Retry-After": {value}}, ""))
				s.run()
				pause := time.Until(s.client.Status().Next)
				if pause < tt.want-time.Second || pause > tt.want+2*time.Second {
					t.Errorf("pause %v", pause)
				}
				s.after(pause + time.Second)
				s.wantFull(true, true)
			})
		})
	}
}

func TestSilenceEndsAPull(t *testing.T) {
	t.Run("before the headers, after a minute", func(t *testing.T) {
		play(t, func(s *scene) {
			s.Inject(lapitest.Hang())
			s.run()
			s.after(59 * time.Second)
			s.wantFull(true)
			s.after(3 * time.Second)
			if err := s.client.Stats(); err.Failures != 1 {
				t.Errorf("%+v", err)
			}
			s.wantFull(true, true)
			if e := s.errors(); len(e) != 1 || !strings.Contains(shown(e[0]), "the server stopped sending: no data for 1m0s") {
				t.Errorf("%v", e)
			}
		})
	})
	t.Run("in the body, after half a minute", func(t *testing.T) {
		play(t, func(s *scene) {
			s.Inject(lapitest.Stall(5))
			s.run()
			s.after(29 * time.Second)
			s.wantFull(true)
			s.after(3 * time.Second)
			s.wantFull(true, true)
			if e := s.errors(); len(e) != 1 || !strings.Contains(shown(e[0]), "no data for 30s") {
				t.Errorf("%v", e)
			}
		})
	})
}

func TestASlowAnswerGetsThrough(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1", Duration: 24 * time.Hour})
		tick := make(chan struct{})
		s.Inject(lapitest.Trickle(tick))
		s.run()
		for range 100 { // bytes, each just before the limit
			s.after(29 * time.Second)
			tick <- struct{}{}
		}
		close(tick)
		s.after(time.Second)
		s.want("192.0.2.1", lookup.Ban)
		s.wantFull(true)
	})
}

func TestGzipIsAccepted(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.InjectAlways(lapitest.Gzip())
		s.run()
		s.want("192.0.2.1", lookup.Ban)
	})
}

func TestAnswersAreBounded(t *testing.T) {
	tests := []struct {
		name  string
		fault lapitest.Fault
		want  error
	}{
		{"a gzip bomb", lapitest.GzipBomb(1 << 30), errBomb},
		{"a line of a gigabyte", lapitest.GiantString(1 << 30), errTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			playWith(t, lapitest.Config{}, Config{}, func(s *scene) {
				s.client.bound.bytes = 64 << 20
				s.InjectAlways(tt.fault)
				s.run()
				if err := s.client.Status().Err; !errors.Is(err, tt.want) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

func TestRunEndsAtOnce(t *testing.T) {
	faults := map[string]lapitest.Fault{
		"while the server hangs":    lapitest.Hang(),
		"in the midst of an answer": lapitest.Stall(5),
		"in a pause":                lapitest.Status(500, nil, ""),
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.InjectAlways(fault)
				s.run()
				failures := s.client.Stats().Failures
				start := time.Now()
				s.stop()
				if d := time.Since(start); d > 0 {
					t.Errorf("it took %v", d)
				}
				if s.client.Stats().Failures != failures {
					t.Error("to be stopped is no failure")
				}
			})
		})
	}
}

func TestRunCanBeRepeated(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.run()
		s.stop()
		s.after(time.Hour)
		s.Add(lapitest.Decision{Value: "192.0.2.2"})
		s.want("192.0.2.1", lookup.Ban)
		s.run()
		s.want("192.0.2.1", lookup.Ban)
		s.want("192.0.2.2", lookup.Ban)
		s.wantFull(true, true)
	})
}

func TestASnapshotHoldsUntilTheFirstAnswer(t *testing.T) {
	play(t, func(s *scene) {
		until := time.Now().Add(time.Hour)
		s.table.Update("lapi", []lookup.Decision{on("192.0.2.1", until), on("192.0.2.2", until)}, nil)
		s.table.Update("local", []lookup.Decision{on("192.0.2.3", until)}, nil)
		s.InjectAlways(lapitest.Hang())
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.run()
		s.want("192.0.2.2", lookup.Ban)
		s.ClearFaults()
		s.after(2 * time.Minute)
		s.want("192.0.2.1", lookup.Ban)
		s.want("192.0.2.2", lookup.None)
		s.want("192.0.2.3", lookup.Ban) // of another source
	})
}

func TestTheServersKind(t *testing.T) {
	for _, code := range []int{299, 418, 599} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			play(t, func(s *scene) {
				s.Inject(lapitest.Status(code, nil, "")) // some status codes have no name
				s.run()
				s.after(2 * time.Second)
				if s.logs.FilterMessageSnippet("answers again").Len() != 1 {
					t.Error("the end of it is not in the log")
				}
			})
		})
	}
}

func on(ip string, until time.Time) lookup.Decision {
	p, err := lookup.ParsePrefix(ip)
	if err != nil {
		panic(err)
	}
	return lookup.Decision{Prefix: p, Action: lookup.Ban, Until: until}
}

func TestADatabaseMadeAnewIsFollowed(t *testing.T) {
	for _, n := range []int{1, 100} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			play(t, func(s *scene) {
				s.crowd(n)
				s.run()
				s.DropDatabase()
				s.poll()
				s.want("192.0.2.0", lookup.Ban)
				if !isForbidden(s.client.Status().Err) {
					t.Error(s.client.Status().Err)
				}
				s.AddKey(s.Key)
				s.Add(lapitest.Decision{Value: "198.51.100.1"})
				s.after(time.Minute)
				s.want("198.51.100.1", lookup.Ban)
				s.want("192.0.2.0", lookup.None)
				if st := s.client.Status(); st.Err != nil || s.client.Stats().Missed != 0 {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

// The server's clock jumps a day ahead and back. First it says that all decisions have
// ended. Then it believes that it has already sent its new decisions, until the next
// full answer.
func TestAServerWhoseClockJumpsADayIsBelievedAgainAfterTheResync(t *testing.T) {
	play(t, func(s *scene) {
		s.crowd(100)
		s.run()
		var over strings.Builder
		for i := range 100 {
			fmt.Fprintf(&over, `,{"id":%d,"duration":"-1h","scope":"Ip","type":"ban","value":"192.0.2.%d"}`, i+1, i)
		}
		s.Inject(lapitest.Raw(`{"new":[],"deleted":[` + over.String()[1:] + `]}`))
		s.poll()
		s.want("192.0.2.1", lookup.None)
		s.Add(lapitest.Decision{Value: "198.51.100.1", Duration: 48 * time.Hour})
		for range 6 {
			s.Inject(lapitest.Raw(`{"new":[],"deleted":[]}`))
			s.poll()
		}
		s.want("198.51.100.1", lookup.None)
		s.untilResync()
		s.want("198.51.100.1", lookup.Ban)
		s.want("192.0.2.1", lookup.Ban)
	})
}
