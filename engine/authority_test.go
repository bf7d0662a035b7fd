package engine

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// said returns a decision of an authority about the client of these tests.
func said(a lookup.Action, reason string, d time.Duration) lookup.Decision {
	return lookup.Decision{Prefix: ban.Prefix, Action: a, Origin: "crowdsec", Reason: reason, Until: time.Now().Add(d)}
}

func TestWhoRules(t *testing.T) {
	const hour = time.Hour
	for _, tt := range []struct {
		name   string
		before []lookup.Decision // the authority has said by the time of the alert
		by     string            // who answers; default: the authority
		answer func() lookup.Decision
		want   []string // sources of what is in force in the end
	}{
		{"a ban as long", nil, "", func() lookup.Decision { return said(lookup.Ban, probing, 4*hour) }, []string{"lapi"}},
		{"a longer one", nil, "", func() lookup.Decision { return said(lookup.Ban, probing, 9*hour) }, []string{"lapi"}},
		{"a shorter one", nil, "", func() lookup.Decision { return said(lookup.Ban, probing, hour) }, []string{"lapi"}},
		{"only a captcha, for our reason", nil, "", func() lookup.Decision { return said(lookup.Captcha, probing, hour) }, []string{"lapi"}},
		{"a ban for another reason", nil, "", func() lookup.Decision { return said(lookup.Ban, "manual ban", hour) }, []string{"lapi"}},
		{"a captcha for another reason", nil, "", func() lookup.Decision { return said(lookup.Captcha, "manual", 9*hour) }, []string{"local", "lapi"}},
		{"a ban of somebody who hears of nothing", nil, "list", func() lookup.Decision { return said(lookup.Ban, probing, hour) }, []string{"local", "list"}},
		{"a ban on more than the client", nil, "", func() lookup.Decision {
			d := said(lookup.Ban, probing, 9*hour)
			d.Prefix = wide
			return d
		}, []string{"lapi", "local"}},
		{"a captcha from before, announced again", []lookup.Decision{said(lookup.Captcha, probing, hour)}, "", func() lookup.Decision { return said(lookup.Captcha, probing, 2*hour) }, []string{"lapi"}},
		{"a captcha from before, that was told again", []lookup.Decision{said(lookup.Captcha, probing, hour)}, "list", func() lookup.Decision { return said(lookup.Captcha, "other", 2*hour) }, []string{"local", "list", "lapi"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Config{Sources: []Source{&fake{name: "lapi"}, &fake{name: "list"}}, Reporters: []Reporter{&reporter{name: "lapi"}}})
				early := make([]lookup.Decision, len(tt.before))
				for i, d := range tt.before {
					early[i] = said(d.Action, d.Reason, hour)
				}
				e.Table().Update("lapi", early, nil)
				<-time.After(10 * time.Second)
				e.Alert(about("192.0.2.1"))
				<-time.After(3 * settling)
				if e.Stats().Local != 1 {
					t.Fatal("there is no local decision, or it ends before the answer")
				}
				by := "lapi"
				if tt.by != "" {
					by = tt.by
				}
				e.Table().Update(by, []lookup.Decision{tt.answer()}, nil)
				<-time.After(2 * settling)
				synctest.Wait()
				var got []string
				for _, d := range e.Covering(listed) {
					got = append(got, d.Source)
				}
				if len(got) != len(tt.want) {
					t.Fatalf("in force are decisions of %q, want %q", got, tt.want)
				}
				for i := range got {
					if got[i] != tt.want[i] {
						t.Errorf("in force are decisions of %q, want %q", got, tt.want)
					}
				}
			})
		})
	}
}

var wide = netip.MustParsePrefix("192.0.2.0/24")

func TestTheOperatorsPardonHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir() + "/tocsin.snap"
		cfg := Config{Sources: []Source{&fake{name: "lapi"}}, Reporters: []Reporter{&reporter{name: "lapi"}}, Snapshot: path}
		e := start(t, cfg)
		e.Alert(about("192.0.2.1"))
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		e = start(t, cfg) // also over a restart in between
		<-time.After(10 * time.Second)
		answer := said(lookup.Ban, probing, time.Hour)
		e.Table().Update("lapi", []lookup.Decision{answer}, nil)
		<-time.After(2 * settling)
		synctest.Wait()
		if !e.stops(listed) {
			t.Error("the answer lets the client in")
		}
		e.Table().Update("lapi", nil, []lookup.Decision{answer})
		if e.stops(listed) {
			t.Error("the local decision outlives the one that it was replaced by")
		}
	})
}

func TestWhatIsRuledAlreadyIsNotDecidedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reporter{name: "lapi"}
		e := start(t, Config{Sources: []Source{&fake{name: "lapi"}}, Reporters: []Reporter{r}})
		e.Table().Update("lapi", []lookup.Decision{said(lookup.Ban, "manual ban", 24*time.Hour)}, nil)
		e.Alert(about("192.0.2.1"))
		synctest.Wait()
		if s := e.Stats(); s.Local != 0 || s.Alerts.Total != 1 || s.Alerts.Decided != 0 || len(r.told()) != 1 || e.Alerts()[0].Decision.Source != "lapi" {
			t.Errorf("%+v", s)
		}
	})
}

func TestUnbanEndsALocalDecision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{})
		e.Alert(about("192.0.2.1"))
		if n := e.Unban(lookup.Decision{Prefix: ban.Prefix}); n != 1 || e.stops(listed) {
			t.Errorf("%d ended", n)
		}
		<-time.After(2 * settling)
		synctest.Wait()
		if n := e.local.held.len(); n != 0 {
			t.Errorf("%d looked after", n)
		}
		e.Alert(about("192.0.2.1"))
		if !e.stops(listed) {
			t.Error("a client that was let in once can do what it likes")
		}
	})
}

func TestDecisionsThatAreOverAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, Config{Local: Local{Duration: time.Minute}})
		e.Alert(about("192.0.2.1"))
		<-time.After(5 * time.Minute)
		synctest.Wait()
		if n := e.local.held.len(); n != 0 || e.Table().Len() != 0 {
			t.Errorf("%d looked after", n)
		}
	})
}

func TestRequestsThatWereUnderWayDoNotHideAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reporter{name: "lapi"}
		e := start(t, Config{Sources: []Source{&fake{name: "lapi"}}, Reporters: []Reporter{r}})
		e.Alert(about("192.0.2.1"))
		<-time.After(10*settling + settling/10)
		e.Table().Update("lapi", []lookup.Decision{said(lookup.Ban, probing, time.Hour)}, nil)
		for range 5 {
			e.Alert(about("192.0.2.1"))
			<-time.After(settling / 10)
		}
		<-time.After(2 * settling)
		synctest.Wait()
		if d := inDetail(t, e, "192.0.2.1"); d.Source != "lapi" || e.Stats().Local != 0 {
			t.Errorf("%+v", e.Covering(listed))
		}
	})
}

// After a restart, the decisions that a source had before the alert are not known any
// more.
func TestAnOldAnswerAfterARestart(t *testing.T) {
	now := time.Now()
	d := &local{Decision: lookup.Decision{Action: lookup.Ban, Reason: probing, Since: now, Until: now.Add(4 * time.Hour)}, first: now}
	for _, tt := range []struct {
		name string
		r    lookup.Decision
		want bool
	}{
		{"as long", lookup.Decision{Action: lookup.Ban, Until: now.Add(4 * time.Hour)}, true},
		{"a moment shorter, as servers count", lookup.Decision{Action: lookup.Ban, Until: now.Add(4*time.Hour - 2*time.Second)}, true},
		{"for ever", lookup.Decision{Action: lookup.Ban}, true},
		{"shorter", lookup.Decision{Action: lookup.Ban, Until: now.Add(time.Hour)}, false},
		{"a captcha", lookup.Decision{Action: lookup.Captcha, Reason: probing, Until: now.Add(9 * time.Hour)}, false},
	} {
		tt.r.Since = now.Add(-time.Minute)
		if got := d.isAnswer(&tt.r); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
		if tt.r.Since = now.Add(time.Minute); !d.isAnswer(&tt.r) && tt.r.Reason == probing {
			t.Errorf("%s, but new: no answer", tt.name)
		}
	}
}

// An advisingSource is told of alerts, and does not decide about them.
type advisingSource struct{ fake }

func (*advisingSource) Advises() bool { return true }

// A community that lists a client does not replace this server's own decision: once the
// community delists it, that still holds.
func TestWhoOnlyAdvisesReplacesNoLocalDecision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := &reporter{name: "community"}
		e := start(t, Config{Sources: []Source{&advisingSource{fake{name: "community"}}}, Reporters: []Reporter{told}})
		e.Table().Update("community", []lookup.Decision{said(lookup.Captcha, "http:scan", 9*time.Hour)}, nil)
		e.Alert(about("192.0.2.1"))
		<-time.After(3 * time.Second)
		e.Table().Update("community", []lookup.Decision{said(lookup.Ban, probing, 9*time.Hour)}, nil)
		<-time.After(3 * time.Second)
		synctest.Wait()
		if n := e.Stats().Local; n != 1 {
			t.Errorf("%d local decisions, want 1", n)
		}
		e.Table().Replace("community", nil)
		<-time.After(3 * time.Second)
		if d, ok := e.Table().Lookup(listed); !ok || d.Source != "local" {
			t.Errorf("after the delisting: %v %v", d, ok)
		}
	})
}
