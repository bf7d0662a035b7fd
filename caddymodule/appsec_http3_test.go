package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/internal/appsectest"
)

// AppSec gets the highest configured version for a client of HTTP/3, so rules that do not
// know HTTP/3 refuse it only if that is HTTP/3.
func TestAClientOfHTTP3BehindAppSec(t *testing.T) {
	for _, row := range []struct {
		name, option string
		rules        appsectest.Runner
		told         string
	}{
		{"by default, with rules that know no HTTP/3", "", appsectest.Runner{NoHTTP3: true}, "20"},
		{"as HTTP/1.1, with rules that know no HTTP/3", "max_http_version 1.1", appsectest.Runner{NoHTTP3: true}, "11"},
		{"as what it is, with rules that know it", "max_http_version 3", appsectest.Runner{}, "30"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newFront(t, row.option)
			if row.rules.NoHTTP3 {
				f.appsec.Run(row.rules) // nothing has been asked yet: only HTTP/3 is tried at the start
			}
			resp, err := f.clients["HTTP/3.0"].Get(f.url("HTTP/3.0", "/hash?of=http3"))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK || resp.Proto != "HTTP/3.0" {
				t.Errorf("%s %d", resp.Proto, resp.StatusCode)
			}
			told := ""
			for _, q := range f.appsec.Asked() { // at the start it is asked about the page /
				if strings.Contains(q.URI, "of=http3") {
					told = q.Header.Get("X-Crowdsec-Appsec-Http-Version")
				}
			}
			if told != row.told {
				t.Errorf("told %q, want %q", told, row.told)
			}
		})
	}
}
