package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// A mild alert leads to a challenge, also if the client continues, and whatever the
// scenario or local say.
func TestMildAlertsNeverBan(t *testing.T) {
	for _, tt := range []struct {
		name   string
		local  Local
		action lookup.Action
		want   lookup.Action
	}{
		{"a scenario that asks for a ban", Local{}, lookup.Ban, lookup.Captcha},
		{"one that asks for nothing certain", Local{}, lookup.None, lookup.Captcha},
		{"one that asks for a captcha", Local{}, lookup.Captcha, lookup.Captcha},
		{"one that asks for less", Local{}, lookup.Throttle, lookup.Throttle},
		{"local ban", Local{Action: lookup.Ban}, lookup.Captcha, lookup.Captcha},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Config{Local: tt.local})
				for range 3 {
					a := suspicion("192.0.2.1")
					a.Mild, a.Action = true, tt.action
					e.Alert(a)
					if d := inDetail(t, e, "192.0.2.1"); d.Action != tt.want {
						t.Errorf("%v, want %v", d.Action, tt.want)
					}
					<-time.After(time.Minute)
				}
			})
		})
	}
}
