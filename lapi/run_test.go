package lapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

func TestABanComesAndGoes(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1", Scenario: "crowdsecurity/ssh-bf", Origin: "crowdsec"})
		s.run()
		s.want("192.0.2.1", lookup.Ban)
		s.want("192.0.2.2", lookup.None)
		d, _ := s.table.Lookup(addr("192.0.2.1"))
		if d.Source != "lapi" || d.Origin != "crowdsec" || d.Reason != "crowdsecurity/ssh-bf" {
			t.Errorf("%+v", d)
		}
		if left := time.Until(d.Until); left < 4*time.Hour-time.Second || left > 4*time.Hour+time.Second {
			t.Errorf("ends in %v", left)
		}
		s.after(time.Second)
		s.Add(lapitest.Decision{Value: "2001:db8::/32"})
		s.Delete("192.0.2.1", "ban")
		s.poll()
		s.want("192.0.2.1", lookup.None)
		s.want("2001:db8::1", lookup.Ban)
		s.wantFull(true, false)
	})
}

func TestRequestsAreWhatCrowdSecExpects(t *testing.T) {
	playWith(t, lapitest.Config{}, Config{Scopes: []Scope{"ip", "range", "as"}}, func(s *scene) {
		s.run()
		r := s.Pulls()[0]
		if r.Query.Get("scopes") != "ip,range,as" || r.Query.Has("origins") || r.Query.Has("dedup") {
			t.Errorf("query %v", r.Query)
		}
		ua := r.Header.Get("User-Agent")
		if ua != "crowdsec-tocsin-bouncer/v"+Version || strings.Count(ua, "/") != 1 {
			t.Errorf("user agent %s", ua)
		}
		if r.Header.Get("X-Api-Key") != s.Key {
			t.Error("no key")
		}
	})
}

func TestDeletingOneTypeLeavesTheOther(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1", Type: "captcha"}, lapitest.Decision{Value: "192.0.2.1", Type: "ban"})
		s.run()
		s.want("192.0.2.1", lookup.Ban)
		s.after(time.Second)
		s.Delete("192.0.2.1", "ban")
		s.poll()
		s.want("192.0.2.1", lookup.Captcha)
	})
}

func TestADeletionWithAForeignID(t *testing.T) {
	play(t, func(s *scene) {
		ids := s.Add(lapitest.Decision{Value: "192.0.2.1", Duration: 4 * time.Hour}, lapitest.Decision{Value: "192.0.2.1", Duration: time.Hour})
		s.run()
		s.after(time.Second)
		s.DeleteID(ids[0])
		s.poll()
		s.want("192.0.2.1", lookup.Ban) // the server sends no deletion, because the other decision is in force
		s.DeleteID(ids[1])
		s.poll()
		s.want("192.0.2.1", lookup.None)
	})
}

func TestDeletionsComeBeforeAdditions(t *testing.T) {
	play(t, func(s *scene) {
		s.run()
		for _, body := range []string{
			`{"deleted":[{"duration":"-1s","type":"ban","value":"192.0.2.1"}],"new":[{"duration":"4h","type":"ban","value":"192.0.2.1"}]}`,
			`{"new":[{"duration":"4h","type":"ban","value":"192.0.2.1"}],"deleted":[{"duration":"-1s","type":"ban","value":"192.0.2.1"}]}`,
		} {
			s.Inject(lapitest.Raw(body))
			s.poll()
			s.want("192.0.2.1", lookup.Ban)
		}
	})
}

func TestABanReplacedByACaptcha(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.run()
		s.after(time.Second)
		s.Delete("192.0.2.1", "ban")
		s.Add(lapitest.Decision{Value: "192.0.2.1", Type: "captcha"})
		s.poll()
		s.want("192.0.2.1", lookup.Captcha)
	})
}

func TestDurations(t *testing.T) {
	tests := map[string]time.Duration{ // zero: not in force
		"3h59m58.681789647s": 3*time.Hour + 59*time.Minute + 58681789647*time.Nanosecond,
		"1.5h":               90 * time.Minute,
		"2000ms":             2 * time.Second,
		"3000000µs":          3 * time.Second, // micro sign
		"4000000μs":          4 * time.Second, // Greek letter
		"876000h":            876000 * time.Hour,
		"0s":                 0,
		"-1s":                0,
		"-12µs":              0,
		"-18897h25m52.8s":    0,
		"":                   0,
		"4 hours":            0,
		"99999999999h":       0,
	}
	play(t, func(s *scene) {
		s.run()
		for raw, want := range tests {
			s.Inject(lapitest.Raw(`{"new":[{"duration":"` + raw + `","type":"ban","value":"192.0.2.1"}]}`))
			s.poll()
			d, ok := s.table.Lookup(addr("192.0.2.1"))
			if ok != (want > 0) || ok && time.Until(d.Until) != want {
				t.Errorf("%q: %v, %v", raw, time.Until(d.Until), ok)
			}
			s.table.Replace("lapi", nil)
		}
		s.Inject(lapitest.Raw(`{"new":[{"duration":"2562047h47m16.854775807s","type":"ban","value":"192.0.2.1"}]}`))
		s.poll()
		s.want("192.0.2.1", lookup.Ban) // for the longest possible time
		if n := s.client.Stats().Rows.Malformed; n != 3 {
			t.Errorf("%d malformed", n)
		}
	})
}

func TestADecisionThatIsOverOnArrivalChangesNothing(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.run()
		s.Inject(lapitest.Raw(`{"new":[{"duration":"0s","type":"ban","value":"192.0.2.1"},{"duration":"-5s","type":"ban","value":"192.0.2.2"}]}`))
		s.poll()
		s.want("192.0.2.1", lookup.Ban)
		s.want("192.0.2.2", lookup.None)
	})
}

func TestScopesAndTypesInAnyCase(t *testing.T) {
	play(t, func(s *scene) {
		s.Inject(lapitest.Raw(`{"new":[
			{"duration":"4h","scope":"IP","type":"Ban","value":"192.0.2.1"},
			{"duration":"4h","scope":"ip","type":"CAPTCHA","value":"198.51.100.0/24"},
			{"duration":"4h","scope":"Range","type":"throttle","value":"203.0.113.7"},
			{"duration":"4h","type":"ban","value":"2001:DB8::1"},
			{"duration":"4h","scope":"Ip","type":"ban","value":"::ffff:192.0.2.9"}]}`))
		s.run()
		s.want("192.0.2.1", lookup.Ban)
		s.want("198.51.100.77", lookup.Captcha)
		s.want("203.0.113.7", lookup.Throttle)
		s.want("2001:db8::1", lookup.Ban)
		s.want("192.0.2.9", lookup.Ban)
	})
}

// A type that lets clients in bans no client, and does not lift another decision.
func TestATypeThatLetsInBansNobody(t *testing.T) {
	for _, kind := range []string{
		"allow", "Allow", "ALLOW", " allow", "allowed", "allow-list", "allowlist", "bypass", "ByPass", "by_pass",
		"whitelist", "White List", "whitelisted", "pass", "accept", "permit", "exempt", "trusted",
	} {
		t.Run(kind, func(t *testing.T) {
			play(t, func(s *scene) {
				s.Add(
					lapitest.Decision{Value: "192.0.2.1", Type: kind},
					lapitest.Decision{Value: "192.0.2.2", Type: kind}, lapitest.Decision{Value: "192.0.2.0/24", Type: "captcha"},
				)
				s.run()
				s.want("192.0.2.1", lookup.Captcha)
				s.want("192.0.2.2", lookup.Captcha)
				s.after(time.Second)
				s.Add(lapitest.Decision{Value: "198.51.100.1", Type: kind})
				s.Delete("192.0.2.1", kind)
				s.poll()
				s.want("198.51.100.1", lookup.None)
				if n := s.client.Stats().Rows; n.LetIn < 3 || n.UnknownType != 0 {
					t.Errorf("rows %+v", n)
				}
				if n := s.logs.FilterMessageSnippet("lets clients in").Len(); n != 1 {
					t.Errorf("named %d times", n)
				}
			})
		})
	}
}

func TestAnUnknownTypeFallsBack(t *testing.T) {
	for fallback, want := range map[lookup.Action]lookup.Action{lookup.None: lookup.Ban, lookup.Captcha: lookup.Captcha} {
		playWith(t, lapitest.Config{}, Config{Fallback: fallback}, func(s *scene) {
			s.Add(lapitest.Decision{Value: "192.0.2.1", Type: "tarpit"}, lapitest.Decision{Value: "192.0.2.2", Type: "tarpit"},
				lapitest.Decision{Value: "192.0.2.3", Type: "none"})
			s.run()
			s.want("192.0.2.1", want)
			s.want("192.0.2.3", want) // "none" is not a type that lets clients in
			if n := s.client.Stats().Rows.UnknownType; n != 3 {
				t.Errorf("%d counted", n)
			}
			if n := s.logs.FilterMessageSnippet("unknown type").Len(); n != 2 {
				t.Errorf("%d types named", n)
			}
		})
	}
}

func TestCountriesAndSystemsAreEnforced(t *testing.T) {
	playWith(t, lapitest.Config{}, Config{Scopes: []Scope{"ip", "country", "as"}}, func(s *scene) {
		s.Add(
			lapitest.Decision{Scope: "Country", Value: "FR"},
			lapitest.Decision{Scope: "Country", Value: "de", Type: "captcha"},
			lapitest.Decision{Scope: "AS", Value: "64496"},
			lapitest.Decision{Scope: "AS", Value: "AS64497", Type: "throttle"},
			lapitest.Decision{Scope: "Country", Value: "192.0.2.1"}, // a value that parses as an address is one
		)
		s.run()
		s.wantPlace("FR", 0, lookup.Ban)
		s.wantPlace("DE", 0, lookup.Captcha)
		s.wantPlace("", 64496, lookup.Ban)
		s.wantPlace("", 64497, lookup.Throttle)
		s.wantPlace("IT", 64498, lookup.None)
		s.want("192.0.2.1", lookup.Ban)
		s.after(time.Second)
		s.Delete("FR", "")
		s.Delete("64496", "")
		s.Delete("AS64497", "") // an unusual spelling, so a full answer corrects it
		s.Add(lapitest.Decision{Scope: "Country", Value: "IT"})
		s.poll()
		s.wantPlace("FR", 0, lookup.None)
		s.wantPlace("", 64496, lookup.None)
		s.wantPlace("IT", 0, lookup.Ban)
		s.after(time.Minute)
		s.wantPlace("", 64497, lookup.None)
		s.wantPlace("DE", 0, lookup.Captcha)
	})
}

func TestTwoSpellingsOfASystemAreTwins(t *testing.T) {
	playWith(t, lapitest.Config{}, Config{Scopes: []Scope{"as"}}, func(s *scene) {
		s.Add(lapitest.Decision{Scope: "AS", Value: "64496"}, lapitest.Decision{Scope: "AS", Value: "AS64496"})
		s.run()
		s.after(time.Second)
		s.Delete("AS64496", "")
		s.after(2 * time.Minute)
		s.wantPlace("", 64496, lookup.Ban)
		s.Delete("64496", "")
		s.after(2 * time.Minute)
		s.wantPlace("", 64496, lookup.None)
	})
}

func TestCountriesAreNotAskedForByDefault(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Scope: "Country", Value: "FR"})
		s.run()
		s.wantPlace("FR", 0, lookup.None)
	})
}

// wantPlace is want for the decisions about a country and an autonomous system.
func (s *scene) wantPlace(country string, as uint32, want lookup.Action) {
	s.Helper()
	if d, _ := s.table.LookupPlace(country, as); d.Action != want {
		s.Errorf("%s %d: %v, want %v", country, as, d.Action, want)
	}
}

func TestOtherScopesAreCountedAndNamedOnce(t *testing.T) {
	playWith(t, lapitest.Config{}, Config{}, func(s *scene) {
		// A server with such decisions may send them, whatever the client asks for.
		s.client.cfg.Scopes = []Scope{"ip", "country", "as", "username", "session"}
		s.Add(
			lapitest.Decision{Scope: "Country", Value: "France"},
			lapitest.Decision{Scope: "AS", Value: "AS0"},
			lapitest.Decision{Scope: "username", Value: "root"},
			lapitest.Decision{Scope: "session", Value: "42"},
			lapitest.Decision{Scope: "Ip", Value: "192.0.2.300"},
			lapitest.Decision{Scope: "Ip", Value: "192.0.2.1"},
		)
		s.run()
		s.want("192.0.2.1", lookup.Ban)
		read := s.client.Stats().Rows.OtherScope
		kinds := s.logs.FilterMessageSnippet("of this scope").Len()
		if read != 5 || kinds != 4 { // user names and sessions are one kind
			t.Errorf("%d counted, %d kinds named", read, kinds)
		}
		s.after(2 * time.Hour)
		if s.client.Stats().Rows.OtherScope <= read || s.logs.FilterMessageSnippet("of this scope").Len() != kinds {
			t.Error("not counted again, or named again")
		}
		if err := s.client.Status().Err; err != nil {
			t.Error(err)
		}
	})
}

func TestSyncAsksForEverythingAtOnce(t *testing.T) {
	play(t, func(s *scene) {
		s.client.Sync() // it is not running, so this does nothing
		s.run()
		s.wantFull(true)
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.client.Sync()
		synctest.Wait()
		s.want("192.0.2.1", lookup.Ban)
		s.wantFull(true, true)
		s.poll()
		s.wantFull(true, true, false)
	})
}

func TestSyncDuringAPullIsNotLost(t *testing.T) {
	play(t, func(s *scene) {
		tick := make(chan struct{})
		s.Inject(lapitest.Trickle(tick))
		s.run()
		s.Add(lapitest.Decision{Value: "192.0.2.1"}) // too late for the answer in progress
		s.client.Sync()
		s.client.Sync()
		close(tick)
		synctest.Wait()
		s.want("192.0.2.1", lookup.Ban)
		s.wantFull(true, true)
	})
}

func TestSyncEndsTheBackOff(t *testing.T) {
	play(t, func(s *scene) {
		s.InjectAlways(lapitest.Status(503, http.Header{"Retry-After": {"300"}}, ""))
		s.run()
		s.ClearFaults()
		s.Add(lapitest.Decision{Value: "192.0.2.1"})
		s.client.Sync()
		synctest.Wait()
		s.want("192.0.2.1", lookup.Ban)
	})
}

func TestSimulatedDecisionsAreLeftOut(t *testing.T) {
	play(t, func(s *scene) {
		s.Inject(lapitest.Raw(`{"new":[{"simulated":true,"duration":"4h","type":"ban","value":"192.0.2.1"}]}`))
		s.run()
		s.want("192.0.2.1", lookup.None)
		if n := s.client.Stats().Rows.Simulated; n != 1 {
			t.Errorf("%d counted", n)
		}
	})
}

func TestAListHasItsNameInTheOrigin(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1", Origin: "lists", Scenario: "firehol_greensnow"})
		s.run()
		d, _ := s.table.Lookup(addr("192.0.2.1"))
		if d.Origin != "lists:firehol_greensnow" || d.Reason != "firehol_greensnow" {
			t.Errorf("origin %s, reason %s", d.Origin, d.Reason)
		}
	})
}

func TestReannouncementKeepsSince(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1", Origin: "CAPI"})
		s.run()
		before, _ := s.table.Lookup(addr("192.0.2.1"))
		s.after(2 * time.Minute)
		s.Reannounce()
		s.poll()
		after, _ := s.table.Lookup(addr("192.0.2.1"))
		if !after.Since.Equal(before.Since) || !after.Until.After(before.Until.Add(time.Minute)) {
			t.Errorf("before %+v\nafter  %+v", before, after)
		}
	})
}

func TestAHardDeletionIsFoundByTheResync(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1", Duration: 48 * time.Hour}, lapitest.Decision{Value: "192.0.2.2", Duration: 48 * time.Hour})
		s.run()
		s.HardDelete("192.0.2.1", "")
		s.after(50 * time.Minute)
		s.want("192.0.2.1", lookup.Ban)
		full := func() (n int) {
			for _, p := range s.Pulls() {
				if p.Startup() {
					n++
				}
			}
			return n
		}
		if full() != 1 {
			t.Error("resync too early")
		}
		s.after(10*time.Minute + interval)
		s.want("192.0.2.1", lookup.None)
		s.want("192.0.2.2", lookup.Ban)
		if full() != 2 {
			t.Errorf("%d full answers", full())
		}
	})
}

func TestTheResyncIsSpreadOverATenthOfItsTime(t *testing.T) {
	playWith(t, lapitest.Config{}, Config{}, func(s *scene) {
		s.run()
		s.after(12 * time.Hour)
		pauses := map[time.Duration]bool{}
		var last time.Time
		for _, p := range s.Pulls() {
			if !p.Startup() {
				continue
			}
			if d := p.Time.Sub(last); !last.IsZero() {
				pauses[d] = true
				if d < 54*time.Minute || d > time.Hour+interval {
					t.Errorf("resync after %v", d)
				}
			}
			last = p.Time
		}
		if len(pauses) < 3 {
			t.Errorf("always after %v", pauses)
		}
	})
}

func TestADecisionThatADeltaMissedIsFoundByTheResync(t *testing.T) {
	play(t, func(s *scene) {
		s.run()
		s.after(time.Second)
		s.Add(lapitest.Decision{Value: "192.0.2.1", Duration: 48 * time.Hour})
		// As if its transaction was in progress during the poll.
		s.Inject(lapitest.Raw(`{"new":[],"deleted":[]}`))
		s.poll()
		s.want("192.0.2.1", lookup.None)
		s.after(time.Hour)
		s.want("192.0.2.1", lookup.Ban)
	})
}

func TestTwinsAreNotDeletedWithEachOther(t *testing.T) {
	row := func(typ, value, left string) string {
		return `{"duration":"` + left + `","scope":"Ip","type":"` + typ + `","value":"` + value + `"}`
	}
	scoped := func(scope, row string) string { return strings.Replace(row, `"Ip"`, `"`+scope+`"`, 1) }
	tests := []struct{ name, ip, one, other, deleted, gone string }{
		{
			"one address, two spellings: the odd one goes", "192.0.2.1",
			row("ban", "192.0.2.1", "4h"), row("ban", "192.0.2.1/32", "3h"), row("ban", "192.0.2.1/32", "-1s"), "192.0.2.1/32",
		},
		{
			"one address, two spellings: the usual one goes", "192.0.2.1",
			row("ban", "192.0.2.1", "4h"), row("ban", "192.0.2.1/32", "3h"), row("ban", "192.0.2.1", "-1s"), "192.0.2.1",
		},
		{
			"a range with host bits", "192.0.2.1",
			row("ban", "192.0.2.0/24", "4h"), row("ban", "192.0.2.1/24", "3h"), row("ban", "192.0.2.0/24", "-1s"), "",
		},
		{
			"an unknown type and what it falls back to", "2001:db8::1",
			row("ban", "2001:db8::1", "4h"), row("tarpit", "2001:db8::1", "4h"), row("tarpit", "2001:db8::1", "-1s"), "",
		},
		{
			"IPv6 in capitals", "2001:db8::1",
			row("ban", "2001:db8::1", "4h"), row("ban", "2001:DB8::1", "4h"), row("ban", "2001:db8::1", "-1s"), "",
		},
		{
			"a type in capitals goes", "192.0.2.1",
			row("ban", "192.0.2.1", "4h"), row("Ban", "192.0.2.1", "4h"), row("Ban", "192.0.2.1", "-1s"), "",
		},
		{
			"a type beside the same in capitals goes", "192.0.2.1",
			row("ban", "192.0.2.1", "4h"), row("Ban", "192.0.2.1", "4h"), row("ban", "192.0.2.1", "-1s"), "",
		},
		{
			"a scope in small letters goes", "192.0.2.1",
			row("ban", "192.0.2.1", "4h"), scoped("ip", row("ban", "192.0.2.1", "4h")), scoped("ip", row("ban", "192.0.2.1", "-1s")), "",
		},
		{
			"a range of scope Range goes, and a list's of scope Ip stays", "192.0.2.1",
			scoped("Range", row("ban", "192.0.2.0/24", "4h")), row("ban", "192.0.2.0/24", "4h"), scoped("Range", row("ban", "192.0.2.0/24", "-1s")), "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.Inject(lapitest.Raw(`{"new":[` + tt.one + `,` + tt.other + `]}`))
				s.run()
				s.Inject(lapitest.Raw(`{"deleted":[` + tt.deleted + `]}`))
				s.Inject(lapitest.Raw(`{"new":[]}`))
				s.poll()
				s.want(tt.ip, lookup.Ban)
				// The extra full answer corrects it.
				s.after(time.Minute)
				s.want(tt.ip, lookup.None)
			})
		})
	}
}

func TestAShorterTwinDoesNotShorten(t *testing.T) {
	play(t, func(s *scene) {
		s.Inject(lapitest.Raw(`{"new":[{"duration":"4h","type":"ban","value":"192.0.2.1"}]}`))
		s.run()
		s.Inject(lapitest.Raw(`{"new":[{"duration":"20s","type":"ban","value":"192.0.2.1/32"}]}`))
		s.poll()
		s.after(30 * time.Second)
		s.want("192.0.2.1", lookup.Ban)
	})
}

func TestAnOddSpellingAloneIsDeletedInTheEnd(t *testing.T) {
	play(t, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1/32", Scope: "Range"})
		s.run()
		s.want("192.0.2.1", lookup.Ban)
		s.after(time.Second)
		s.Delete("192.0.2.1/32", "")
		s.after(time.Minute + interval)
		s.want("192.0.2.1", lookup.None)
	})
}

func TestAnIntervalLastsFromQuestionToQuestion(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0:                interval,
		2 * time.Second:  interval,
		5 * time.Second:  interval,
		20 * time.Second: 20*time.Second + interval/2, // a busy server gets a pause
	} {
		t.Run(took.String(), func(t *testing.T) {
			playWith(t, lapitest.Config{}, Config{}, func(s *scene) {
				s.InjectAlways(func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
					<-time.After(took)
					answer(w, r)
				})
				began := time.Now()
				s.run()
				s.after(4*want + took + time.Second)
				var at []time.Duration
				for _, p := range s.Pulls() {
					at = append(at, p.Time.Sub(began))
				}
				if !slices.Equal(at, []time.Duration{0, want, 2 * want, 3 * want, 4 * want}) {
					t.Errorf("asked at %v, want one each %v", at, want)
				}
			})
		})
	}
}
