package lapi

import (
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// A new offence gives a decision a new beginning, so that earlier passes are void. A
// repetition does not.
func TestADecisionBeginsAnewByANewOffence(t *testing.T) {
	const client = "192.0.2.1"
	first := lapitest.Decision{Value: client, Type: "captcha", Origin: "crowdsec", Scenario: "crowdsecurity/http-probing", Duration: time.Hour}
	again := func(origin string) func(s *scene) {
		return func(s *scene) {
			d := first
			d.Origin, d.Duration = origin, 4*time.Hour
			s.Add(d)
		}
	}
	for _, tt := range []struct {
		name string
		then func(s *scene)
		want bool
	}{
		{"an alert prolongs it", again("crowdsec"), true},
		{"an alert of a profile with an origin of its own", again("crowdsec/web"), true},
		{"an operator does", again("cscli"), true},
		{"another program does", again("my-bot"), true},
		{"the community says so too", again("CAPI"), false},
		{"a list has it", again("lists"), false},
		{"it is imported", again("cscli-import"), false},
		{"everything is announced again", func(s *scene) { s.Reannounce() }, false},
		{"nothing happens", func(*scene) {}, false},
		{"a full answer brings nothing new", func(s *scene) { s.client.Sync() }, false},
		{"a full answer brings it", func(s *scene) { again("crowdsec")(s); s.client.Sync() }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, cfg := range map[string]Config{"decisions told apart by identity": {}, "by row": {Origins: []string{"crowdsec", "crowdsec/web", "cscli", "my-bot", "CAPI", "lists", "cscli-import"}}} {
				t.Run(name, func(t *testing.T) {
					playWith(t, lapitest.Config{Generation: lapitest.New}, cfg, func(s *scene) {
						s.Add(first)
						s.run()
						before, _ := s.table.Lookup(addr(client))
						s.after(2 * time.Minute)
						tt.then(s)
						s.poll()
						after, ok := s.table.Lookup(addr(client))
						if !ok || after.Since.After(before.Since) != tt.want {
							t.Errorf("since %v, then since %v", before.Since, after.Since)
						}
					})
				})
			}
		})
	}
}
