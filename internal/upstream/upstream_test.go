package upstream

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestParseURL(t *testing.T) {
	for _, row := range []struct{ raw, want, err string }{
		{raw: "http://127.0.0.1:8080", want: "http://127.0.0.1:8080"},
		{raw: "https://crowdsec.example/lapi/", want: "https://crowdsec.example/lapi/"},
		{raw: "unix:///run/crowdsec.sock", want: "unix:///run/crowdsec.sock"},
		{raw: "", err: "no URL: want one such as http://example"},
		{raw: "/run/crowdsec.sock", err: "write unix:///run/crowdsec.sock"},
		{raw: "127.0.0.1:8080", err: "write http://127.0.0.1:8080"},
		{raw: "ftp://127.0.0.1", err: `scheme "ftp": want http, https or unix`},
		{raw: "http://", err: "no host"},
		{raw: "http://:8080", err: "no host"},
		{raw: "unix://run/crowdsec.sock", err: "such as unix:///example"},
		{raw: "http://u:secret@127.0.0.1", err: "it contains a user or password"},
		{raw: "http://127.0.0.1/?key=k", err: "a query or fragment"},
		{raw: "http://127.0.0.1/?", err: "a query or fragment"},
		{raw: "http://127.0.0.1/#a", err: "a query or fragment"},
		{raw: "http://u:secret@127.0.0.1:port", err: "URL: "},
	} {
		u, err := ParseURL(row.raw, "http://example", "unix:///example")
		switch {
		case row.err == "" && (err != nil || u.String() != row.want):
			t.Errorf("%q: %v, %v", row.raw, u, err)
		case row.err != "" && (err == nil || !strings.Contains(err.Error(), row.err)):
			t.Errorf("%q: error %v, want %q in it", row.raw, err, row.err)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("%q: the password is in %v", row.raw, err)
		}
	}
}

func TestTLSFilesThatAreNoGood(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		files  TLS
		secure bool
		want   string
	}{
		{"without https", TLS{CA: empty}, false, "need an https URL"},
		{"a certificate without its key", TLS{Cert: empty}, true, "both a certificate file and a key file"},
		{"no such authority", TLS{CA: empty + "x"}, true, "reading the CA: open "},
		{"an invalid authority", TLS{CA: empty}, true, "no certificate in " + empty},
		{"an invalid certificate", TLS{Cert: empty, KeyFile: empty}, true, "reading the client certificate " + empty},
	} {
		if _, err := row.files.Load(row.secure); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %q in it", row.name, err, row.want)
		}
	}
	if cfg, err := (TLS{}).Load(false); err != nil || cfg == nil {
		t.Errorf("none: %v, %v", cfg, err)
	}
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for s, want := range map[string]time.Duration{
			"": 0, "120": 2 * time.Minute, "-1": 0, "99999999999": 0, "soon": 0, "1.5": 0,
			time.Now().Add(time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"):  time.Hour,
			time.Now().Add(-time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"): 0,
		} {
			if got := RetryAfter(s); got != want {
				t.Errorf("%q: %v, want %v", s, got, want)
			}
		}
	})
}
