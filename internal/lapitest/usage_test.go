package lapitest

import (
	"fmt"
	"net/http"
	"testing"
)

// reported returns a push of usage metrics in which a bouncer has these items.
func reported(items string) string {
	return `{"remediation_components":[{"version":"v1","utc_startup_timestamp":1,"os":{"name":"debian","version":"12"},"metrics":[
		{"meta":{"window_size_seconds":900,"utc_now_timestamp":2},"items":[` + items + `]}]}],"log_processors":null}`
}

func TestMetricsAreShownAsCscliShowsThem(t *testing.T) {
	s := Start(t, Config{Generation: Newest})
	c := newClient(t, s)
	item := func(name string, value int, remediation string) string {
		return fmt.Sprintf(`{"name":%q,"value":%d,"unit":"request","labels":{"origin":"CAPI","ip_type":"ipv4","remediation":%q}}`, name, value, remediation)
	}
	if got := s.System(c.key); got != "?" {
		t.Errorf("the system is %q before it is told", got)
	}
	for _, items := range []string{
		item("dropped", 5, "ban") + "," + item("active_decisions", 7, ""),
		item("dropped", 2, "ban") + "," + item("dropped", 2, "captcha") + "," + item("dropped", 3, "captcha") + "," + item("of_mine_gauge", 4, ""),
		item("active_decisions", 6, ""),
	} {
		if a := c.do("POST", "/v1/usage-metrics", reported(items)); a.status != http.StatusCreated {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	want := "map[active_decisions request CAPI ipv4:6 dropped request CAPI ipv4:10 of_mine_gauge request CAPI ipv4:4]"
	if got := fmt.Sprint(s.Metrics(c.key)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := s.System(c.key); got != "debian/12" {
		t.Errorf("the system is %q", got)
	}
}

func TestMachinesTellTheirSystem(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		c.login()
		c.key = ""
		const base = `"version":"v1","utc_startup_timestamp":1,"os":{"name":"debian","version":"12"},"metrics":[]`
		for _, row := range []struct {
			body string
			want int
		}{
			{reported(""), 400},
			{`{"log_processors":[]}`, 400},
			{`{"log_processors":[{` + base + `}]}`, 422},
			{`{"log_processors":[{` + base + `,"datasources":{},"hub_items":null}]}`, 422},
			{`{"log_processors":[{` + base + `,"datasources":{},"hub_items":{}}]}`, 201},
		} {
			if s.Generation() == Old {
				row.want = http.StatusNotFound
			}
			if a := c.do("POST", "/v1/usage-metrics", row.body); a.status != row.want {
				t.Errorf("%s: %d, want %d", row.body, a.status, row.want)
			}
		}
		if got, told := s.System(DefaultMachine), s.Generation() != Old; (got == "debian/12") != told {
			t.Errorf("the system is %q", got)
		}
	})
}
