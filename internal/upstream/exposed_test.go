package upstream

import (
	"strings"
	"testing"
)

func TestWhatIsExposedOnTheWay(t *testing.T) {
	for _, row := range []struct {
		raw              string
		exposed, serious bool
	}{
		{raw: "https://crowdsec.example"},
		{raw: "unix:///run/crowdsec.sock"},
		{raw: "http://127.0.0.1:8080"},
		{raw: "http://127.9.9.9"},
		{raw: "http://[::1]:8080"},
		{raw: "http://[::ffff:127.0.0.1]:8080"},
		{raw: "http://localhost:8080"},
		{raw: "http://LOCALHOST.:8080"},
		{raw: "http://crowdsec:8080", exposed: true},
		{raw: "http://10.0.0.5:8080", exposed: true},
		{raw: "http://[fd00::1]:8080", exposed: true},
		{raw: "http://[fe80::1]:8080", exposed: true},
		{raw: "http://lapi.crowdsec.svc.internal", exposed: true},
		{raw: "http://nas.local", exposed: true},
		{raw: "http://crowdsec.example", exposed: true, serious: true},
		{raw: "http://192.0.2.1:8080", exposed: true, serious: true},
		{raw: "http://[2001:db8::1]", exposed: true, serious: true},
		{raw: "http://127.0.0.1.example", exposed: true, serious: true},
		{raw: "http://localhost.example", exposed: true, serious: true},
		{raw: "http://xn--local", exposed: true},
		{raw: "%"},
	} {
		warning, serious := Exposed(row.raw, "the key")
		if warning != "" != row.exposed || serious != row.serious || warning != "" && !strings.HasPrefix(warning, "plain http to ") {
			t.Errorf("%s: %q, %v", row.raw, warning, serious)
		}
	}
}
