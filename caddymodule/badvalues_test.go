package caddymodule

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/caddymodule/challenges"
	"github.com/tocsin-project/tocsin/caddymodule/inspectors"
	"github.com/tocsin-project/tocsin/caddymodule/sources"
)

// freeStrings are the JSON fields that take any text, or what is checked by more than
// a list of words: by type and name. All other strings are one of a few words.
var freeStrings = map[string]string{
	"App":        "nat64 snapshot report allow contact accent frame_ancestors lines",
	"LAPI":       "name url key origins scenarios_containing scenarios_not_containing machine password registration_token machine_tls_cert machine_tls_key metrics tls_cert tls_key tls_ca",
	"Blocklist":  "path name user password key",
	"AppSec":     "url key tls_cert tls_key tls_ca",
	"Challenge":  "secret old_secrets hosts page title",
	"SiteVerify": "site_key secret_key verify_url script_url class field hostnames action",
	"Detect":     "rules data sessions",
	"Scenario":   "name",
	"Crawlers":   "lists",
	"Handler":    "page title contact accent frame_ancestors allow lines",
}

// whole is a config of each struct that is good, with what its fields need.
var whole = map[string]string{
	"App":        `{"sources":[{"source":"blocklist","path":"a"}]}`,
	"LAPI":       `{"source":"lapi","url":"http://127.0.0.1:1","key":"k"}`,
	"Blocklist":  `{"source":"blocklist","path":"http://127.0.0.1:1/a"}`,
	"AppSec":     `{"inspector":"appsec","url":"http://127.0.0.1:1","key":"k"}`,
	"Challenge":  `{}`,
	"SiteVerify": `{"name":"recaptcha_v3","site_key":"a","secret_key":"a-secret-key"}`,
	"Detect":     `{}`,
	"Policy":     `{"action":"ban"}`,
	"Scenario":   `{"name":"a","status":[401],"capacity":3,"leak":1000000000}`,
	"Local":      `{}`,
	"Crawlers":   `{}`,
	"Handler":    `{}`,
}

// Every number in JSON must refuse a negative value, and every word an unknown one. So
// this test finds a new field without a check.
func TestEachFieldOfJSONIsChecked(t *testing.T) {
	h := newHost(t)
	h.list("a", banned)
	t.Chdir(h.dir)
	n := 0
	for _, place := range []struct {
		of   any
		wrap string // in JSON; %s stands for the struct
	}{
		{App{}, `%s`},
		{sources.LAPI{}, `{"sources":[%s]}`},
		{sources.Blocklist{}, `{"sources":[%s]}`},
		{inspectors.AppSec{}, `{"inspectors":[%s]}`},
		{Challenge{}, `{"sources":[{"source":"blocklist","path":"a"}],"challenge":%s}`},
		{challenges.SiteVerify{}, `{"challenge":{"provider":%s}}`},
		{Detect{}, `{"detect":%s}`},
		{Policy{}, `{"detect":{"policies":{"tocsin/http-login-bf":%s}}}`},
		{Scenario{}, `{"detect":{"scenarios":[%s]}}`},
		{Local{}, `{"local":%s}`},
		{Crawlers{}, `{"crawlers":%s}`},
		{Handler{}, ""},
	} {
		of := reflect.TypeOf(place.of).Name()
		for _, f := range reflect.VisibleFields(reflect.TypeOf(place.of)) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			bad := badValue(f.Type)
			if f.Anonymous || name == "" || bad == nil || strings.Contains(" "+freeStrings[of]+" ", " "+name+" ") {
				continue
			}
			n++
			text := place.wrap
			handler := `{"handler":"tocsin"}`
			if text == "" {
				text, handler = whole["App"], edited(t, `{"handler":"tocsin"}`, name, bad)
			} else {
				text = fmt.Sprintf(text, edited(t, whole[of], name, bad))
			}
			err := validateApp(t, text, handler)
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %s %v: got %v; want an error that names it", of, name, bad, err)
			}
		}
		if place.wrap != "" {
			if err := validateApp(t, fmt.Sprintf(place.wrap, whole[of]), `{"handler":"tocsin"}`); err != nil {
				t.Errorf("%s: %v", of, err)
			}
		}
	}
	if n < 50 {
		t.Errorf("%d fields were found", n)
	}
}

// badValue returns what no field of the type may have, nil if there is no such.
func badValue(t reflect.Type) any {
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return -5
	case reflect.Float64:
		return -0.5
	case reflect.String:
		return "nonsense"
	case reflect.Slice:
		if bad := badValue(t.Elem()); bad != nil {
			return []any{bad}
		}
	case reflect.Map:
		if bad := badValue(t.Elem()); bad != nil {
			return map[string]any{"a": bad}
		}
	}
	return nil
}

// edited returns a JSON object with one member more.
func edited(t *testing.T, object, name string, value any) string {
	t.Helper()
	var v map[string]any
	err := json.Unmarshal([]byte(object), &v)
	v[name] = value
	text, failed := json.Marshal(v)
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return string(text)
}

func validateApp(t *testing.T, app, handler string) error {
	t.Helper()
	text := `{"admin":{"disabled":true},"apps":{"tocsin":` + app +
		`,"http":{"servers":{"s":{"routes":[{"handle":[` + handler + `]}]}}}}}`
	var cfg caddy.Config
	if err := caddy.StrictUnmarshalJSON([]byte(text), &cfg); err != nil {
		t.Fatal(err, text)
	}
	return caddy.Validate(&cfg)
}

func TestOffIsTheOnlyNegativeNumber(t *testing.T) {
	for _, row := range []struct{ app, want string }{
		{`{"challenge":{"raise":-1,"bar":-1},"local":{"escalate":-1}}`, ""},
		{`{"challenge":{"raise":-5}}`, "challenge: raise: -5: must be greater than 0, or off"},
		{`{"challenge":{"bar":-2}}`, "bar: -2"},
		{`{"local":{"escalate":-5000000000}}`, "local: escalate: -5s"},
		{`{"local":{"action":"nonsense"}}`, `local: action: "nonsense": want one of ban, captcha`},
		{`{"local":{"action":"alert"}}`, "local: action"},
		{`{"local":{"action":"throttle"}}`, "local: action"},
	} {
		err := validateApp(t, row.app, `{"handler":"tocsin"}`)
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: got %v; want %q", row.app, err, row.want)
		}
	}
}
